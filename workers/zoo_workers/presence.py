"""A worker's row in the catalog: its beat, and the claims of children that died."""

from __future__ import annotations

import structlog

from zoo.catalog import Catalog, Session, jobs, shards, workers
from zoo.catalog.records import JobRecord, ShardRecord, WorkerRecord
from zoo.errors import UnavailableError
from zoo.jobs.ledger import fail_attempt, give_back
from zoo.jobs.presence import Presence, is_gone, is_running, this_process
from zoo.registry.models import is_own

FORWARDING = ("embed", "extract", "train")
"""Kinds of shards that run a plugin's code."""

log = structlog.get_logger()


class WorkerPresence:
    """The parent process of a worker, as the catalog and the keeper see it."""

    def __init__(self, catalog: Catalog, *, worker_id: str, queue: str, attempts: int) -> None:
        self._catalog = catalog
        self._id = worker_id
        self._queue = queue
        self._attempts = attempts
        self._unburied: list[str] = []  # causes, while the database did not answer
        self._unnoticed: set[tuple[int, int]] = set()  # shard and token, at the beat before

    def arrive(self) -> None:
        """Register, and give back at once what earlier workers of this node still hold."""
        freed = self._catalog.transact(self._arrive)
        log.info("worker_arrived", worker=self._id, queue=self._queue, freed=freed)

    def beat(self) -> None:
        """Move the counter; come back if the keeper gave this worker up meanwhile."""
        try:
            with self._catalog.write() as session:
                if not workers.beat(session, self._id):
                    workers.add_worker(session, self._record())
            while self._unburied:
                self._bury_dead(cause=self._unburied[0])
                del self._unburied[0]
            self._bury_unnoticed()
        except UnavailableError as error:
            log.warning("beat_missed", detail=error.detail)

    def bury(self, *, cause: str) -> None:
        """Count an attempt of each shard whose process, a child of this worker, has died.

        With a later beat, if the database does not answer now: nobody else would ever do it.
        """
        try:
            self._bury_dead(cause=cause)
        except UnavailableError as error:
            log.warning("burial_waits", detail=error.detail)
            self._unburied.append(cause)

    def _bury_dead(self, *, cause: str) -> None:
        for shard in self._dead():
            self._bury(shard, cause=cause)

    def _dead(self) -> list[ShardRecord]:
        """What is claimed by children that have ended."""
        with self._catalog.read() as session:
            claims = shards.claims_of(session, [self._id])
        return [one for one in claims if one.pid is not None and not is_running(one.pid)]

    def _bury_unnoticed(self) -> None:
        """Those of whom the pool has not told from one beat to the next; it knows the cause."""
        dead = self._dead()
        for shard in dead:
            if (shard.id, shard.token) in self._unnoticed:
                self._bury(shard, cause="it ended without a word")
        self._unnoticed = {(shard.id, shard.token) for shard in dead}

    def _bury(self, shard: ShardRecord, *, cause: str) -> None:
        with self._catalog.read() as session:
            job = jobs.get_job(session, shard.job_id)
        log.warning("child_died", shard=shard.id, job_id=shard.job_id, cause=cause)
        fail_attempt(
            self._catalog,
            shard,
            code="worker_died",
            detail=f"the worker process died: {cause}{_at_work(shard, job)}",
            attempts=self._attempts,
        )

    def leave(self) -> None:
        """Give back what is still claimed and take the row away."""
        self._catalog.transact(self._leave)

    def _arrive(self, session: Session) -> int:
        gone = [row.id for row in workers.list_workers(session) if is_gone(_presence(row))]
        freed = give_back(session, shards.claims_of(session, gone))
        for worker_id in sorted(gone):
            workers.remove_worker(session, worker_id)
        workers.add_worker(session, self._record())
        return freed

    def _leave(self, session: Session) -> None:
        give_back(session, shards.claims_of(session, [self._id]))
        workers.remove_worker(session, self._id)

    def _record(self) -> WorkerRecord:
        here = this_process()
        return WorkerRecord(
            id=self._id,
            node=here.node,
            pid=here.pid,
            pid_started=here.started,
            queue=self._queue,
            beat=0,
        )


def _at_work(shard: ShardRecord, job: JobRecord | None) -> str:
    """With whose code, where there was any in the process."""
    model = str(job.work.get("model") or "") if job and shard.kind in FORWARDING else ""
    if not model:
        return ""
    named = "" if is_own(model) else f" of the plugin {model.partition('.')[0]!r}"
    return f", at work with model {model!r}{named}"


def _presence(row: WorkerRecord) -> Presence:
    return Presence(node=row.node, pid=row.pid, started=row.pid_started)
