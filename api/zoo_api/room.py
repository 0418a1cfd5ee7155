"""Whether the queue has room for more, counted now and then instead of with each request."""

from __future__ import annotations

import time
from collections.abc import Callable

from zoo.catalog import Catalog, Session, inputs
from zoo.errors import UnavailableError
from zoo.settings import Settings

PLENTY = 0.5
"""The share of the limit below which a count that is a moment old will do."""


class Room:
    """What waits, as one process knows it.

    Counting goes over all live jobs while other writers wait: with thousands of them each request
    would cost more than what it asks for. Thread-safe.
    """

    def __init__(self, *, fresh_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh_s = fresh_s
        self._clock = clock
        self._counted: tuple[float, float] | None = None  # when, and the seconds of work

    def look(self, catalog: Catalog, settings: Settings) -> None:
        """Count if the last count is old, before a transaction for which other writers wait."""
        if self._fresh_count() is None:
            with catalog.read() as session:
                self._count(session, settings)

    def check(self, session: Session, settings: Settings) -> None:
        """`UnavailableError` `queue_full` if what waits would take longer than the limit."""
        limit_s = settings.queue_limit_s
        known_s = self._fresh_count()
        if known_s is not None and known_s < limit_s * PLENTY:
            return
        queued_s = self._count(session, settings)
        if queued_s > limit_s:
            raise UnavailableError(
                f"about {queued_s:.0f} s of work are queued, the limit is {limit_s:.0f} s; "
                "try again later",
                code="queue_full",
                retry_after_s=max(1, round(queued_s - limit_s)),
            )

    def _fresh_count(self) -> float | None:
        """What was counted, if that was a moment ago."""
        counted = self._counted
        if counted is None or self._clock() - counted[0] >= self._fresh_s:
            return None
        return counted[1]

    def _count(self, session: Session, settings: Settings) -> float:
        """Seconds that all cores will take for what waits."""
        instant = self._clock()
        backlog_s = inputs.queued_backlog(session, seconds_per_item=settings.seconds_per_item)
        queued_s = backlog_s / settings.cores
        self._counted = instant, queued_s
        return queued_s
