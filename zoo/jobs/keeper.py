"""The keeper: publishes wake-ups, gives lost claims back, and asks new plugins what they have."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from zoo.catalog import Catalog, Session, shards, wake_ups, workers
from zoo.catalog.records import ShardRecord, WorkerRecord
from zoo.errors import UnavailableError
from zoo.faults import Point, reach
from zoo.jobs.ledger import give_back, settle
from zoo.jobs.presence import is_gone, parse_presence, this_process
from zoo.settings import Settings

LEASE = "keeper"
QUEUE = "cpu"
"""The queue by which the broker is tried."""
BATCH = 500
"""Wake-ups published, or shards announced again, in one go."""

log = structlog.get_logger()


class Keeper:
    """One keeper leads at a time; every step is safe to repeat."""

    def __init__(
        self,
        catalog: Catalog,
        settings: Settings,
        *,
        ring: Callable[[int, str], None],
        waiting: Callable[[str], int] = lambda _queue: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._ring = ring
        self._waiting = waiting
        self._clock = clock
        self._id = str(this_process())
        self._beats: dict[str, tuple[int, float]] = {}  # worker -> counter, when it last moved
        self._looked = clock()
        self._lease: tuple[tuple[str, int] | None, float] = (None, clock())
        self._held: tuple[str, int] | None = None  # the lease as this one took it last

    def lead(self) -> bool:
        """Take or renew the lease; False while another keeper lives and its counter moves."""
        if self._held is not None and self._take(self._held):
            return True
        with self._catalog.read() as session:
            found = workers.read_lease(session, LEASE)
        return self._may_take(found) and self._take(found)

    def _take(self, seen: tuple[str, int] | None) -> bool:
        with self._catalog.write() as session:
            is_taken = workers.take_lease(session, LEASE, holder=self._id, seen=seen)
        self._held = (self._id, seen[1] + 1 if seen else 0) if is_taken else None
        return is_taken

    def _may_take(self, found: tuple[str, int] | None) -> bool:
        seen, since = self._lease
        if found != seen:
            self._lease = (found, self._clock())
            since = self._clock()
        if found is None or found[0] == self._id:
            return True
        holder = parse_presence(found[0])
        is_dead = holder is not None and is_gone(holder)
        return is_dead or self._clock() - since >= self._settings.beat_lost_s

    def look_away(self) -> None:
        """Forget what was seen of the workers' beats: nobody is lost for not being watched."""
        self._beats = {}

    def relay(self) -> int:
        """Publish what waits in the outbox; returns how many wake-ups were rung."""
        with self._catalog.read() as session:
            waiting = wake_ups.take_due(session, BATCH)
        if waiting:
            reach(self._settings, Point.RELAY_TAKEN)
        rung = []
        try:
            for row in waiting:
                self._ring(row[1], row[2])
                rung.append(row)
        except UnavailableError as error:
            log.warning("broker_unavailable", detail=error.detail, waiting=len(waiting))
        if rung:
            reach(self._settings, Point.RELAY_RUNG)
            with self._catalog.write() as session:
                wake_ups.clear(session, rung)
        return len(rung)

    def reconcile(self) -> None:
        """Give back the claims of lost workers, ring again for what may be lost, end the rest."""
        if not self._is_broker_there():
            self.look_away()
        before = datetime.now(UTC) - timedelta(seconds=self._settings.wake_again_s)
        with self._catalog.read() as session:  # one for all: the keeper asks every second
            known = workers.list_workers(session)
            lost = self._lost(known)
            claims = shards.claims_of(session, lost)
            claims += shards.unowned_claims(session, [worker.id for worker in known])
            idle = shards.idle_jobs(session)
            due = wake_ups.queues_to_announce(session, before=before)
        if lost or claims or idle:
            self._give_back(lost, claims, idle)
        self._announce_again(due, before)
        self._catalog.shorten_log()

    def _give_back(self, lost: list[str], claims: list[ShardRecord], idle: list[str]) -> None:
        def free(session: Session) -> int:
            freed = give_back(session, claims)
            for worker_id in sorted(lost):
                workers.remove_worker(session, worker_id)
            return freed

        freed = self._catalog.transact(free)
        for job_id in idle:
            with self._catalog.write() as session:
                settle(session, job_id)
        job_ids = sorted({shard.job_id for shard in claims} | set(idle))
        log.warning("claims_given_back", workers=lost, shards=freed, job_ids=job_ids)

    def _is_broker_there(self) -> bool:
        """Whether it answers: a worker that looks for it in vain does not beat meanwhile."""
        try:
            self._waiting(QUEUE)
        except UnavailableError:
            return False
        return True

    def _announce_again(self, due: list[str], before: datetime) -> None:
        # While messages wait in a queue, what is queued behind them is late, not lost: ringing
        # for it every few seconds would bury the workers under messages for work done long ago.
        dry = [queue for queue in due if not self._waiting(queue)]
        for queue in dry:
            with self._catalog.write() as session:
                wake_ups.announce_again(session, queue, before=before, limit=BATCH)

    def _lost(self, rows: list[WorkerRecord]) -> list[str]:
        """Workers whose counter stood still for too long, by this process's own clock."""
        limit = self._settings.beat_lost_s
        instant = self._clock()
        if instant - self._looked > self._settings.reconcile_every_s + limit / 2:
            # What held this process up, a writer that had the database to itself say, held up the
            # workers' beats too.
            self.look_away()
        self._looked = instant
        for row in rows:
            counter, _ = self._beats.get(row.id, (None, 0.0))
            if counter != row.beat:
                self._beats[row.id] = (row.beat, instant)
        self._beats = {row.id: self._beats[row.id] for row in rows}
        return [name for name, (_, moved) in self._beats.items() if instant - moved >= limit]
