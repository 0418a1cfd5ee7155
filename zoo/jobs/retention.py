"""Forgetting jobs and events that have been kept for as long as the settings say."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from zoo.catalog import Catalog, retention
from zoo.settings import Settings

ROWS_A_WRITE = 1000
JOBS_A_LOOK = 100
WRITES_A_LOOK = 50
"""Other writers wait for each write, and the keeper's own work for all of a look's."""

EVERY_S = 600.0

log = structlog.get_logger()


class Retention:
    """Deletes what is old, some of it at each look; safe to repeat and to interrupt."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._now = now
        self._due = 0.0

    def forget_when_due(self) -> None:
        """Forget, unless it was done a short while ago."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY_S
            self.forget()

    def forget(self) -> tuple[int, int]:
        """Delete old jobs and old events, a bounded number; returns how many of each."""
        jobs = self._forget_jobs() if self._settings.keep_jobs_days else 0
        events = self._forget_events() if self._settings.keep_events_days else 0
        if jobs or events:
            log.info("forgotten", jobs=jobs, events=events)
        return jobs, events

    def _forget_jobs(self) -> int:
        before = self._now() - timedelta(days=self._settings.keep_jobs_days)
        with self._catalog.read() as session:
            expired = retention.expired_jobs(session, before=before, limit=JOBS_A_LOOK)
        writes, forgotten = 0, 0
        for job_id in expired:
            is_gone = False
            while not is_gone and writes < WRITES_A_LOOK:
                with self._catalog.write() as session:
                    is_gone = retention.drop_job(session, job_id, limit=ROWS_A_WRITE)
                writes += 1
            forgotten += is_gone
        return forgotten

    def _forget_events(self) -> int:
        before = self._now() - timedelta(days=self._settings.keep_events_days)
        forgotten = 0
        for _ in range(WRITES_A_LOOK):
            with self._catalog.write() as session:
                gone = retention.drop_events(session, before=before, limit=ROWS_A_WRITE)
            forgotten += gone
            if gone < ROWS_A_WRITE:
                break
        return forgotten
