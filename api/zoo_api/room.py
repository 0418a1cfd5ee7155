"""Whether the queue has room for more, counted now and then instead of with each request."""

from __future__ import annotations

import time
from collections.abc import Callable

from zoo.catalog import Session, inputs
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

    def check(self, session: Session, settings: Settings) -> None:
        """`UnavailableError` `queue_full` if what waits would take longer than the limit."""
        instant, limit_s = self._clock(), settings.queue_limit_s
        if self._counted is not None:
            counted_at, queued_s = self._counted
            if instant - counted_at < self._fresh_s and queued_s < limit_s * PLENTY:
                return
        queued_s = _queued_s(session, settings)
        self._counted = instant, queued_s
        if queued_s > limit_s:
            raise UnavailableError(
                f"about {queued_s:.0f} s of work are queued, the limit is {limit_s:.0f} s; "
                "try again later",
                code="queue_full",
                retry_after_s=max(1, round(queued_s - limit_s)),
            )


def _queued_s(session: Session, settings: Settings) -> float:
    """Seconds that all cores will take for what waits."""
    backlog_s = inputs.queued_backlog(session, seconds_per_item=settings.seconds_per_item)
    return backlog_s / settings.cores
