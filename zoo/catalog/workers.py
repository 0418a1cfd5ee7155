"""Worker processes with their beats, and the keepers' leases."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import WorkerRecord
from zoo.catalog.rows import as_record, changed, insert_new
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Lease, Worker


def add_worker(session: Session, worker: WorkerRecord) -> None:
    """Register a worker process."""
    session.add(
        Worker(
            id=worker.id,
            node=worker.node,
            pid=worker.pid,
            pid_started=worker.pid_started,
            queue=worker.queue,
            beat=worker.beat,
            started_at=now(),
        )
    )
    session.flush()


def list_workers(session: Session) -> list[WorkerRecord]:
    """Every registered worker process."""
    return [as_record(WorkerRecord, row) for row in session.scalars(select(Worker))]


def beat(session: Session, worker_id: str) -> bool:
    """Move a worker's counter; False if it was given up as lost meanwhile."""
    statement = update(Worker).where(Worker.id == worker_id).values(beat=Worker.beat + 1)
    return changed(session, statement) > 0


def remove_worker(session: Session, worker_id: str) -> None:
    """Forget a worker process."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def read_lease(session: Session, name: str) -> tuple[str, int] | None:
    """Who holds a lease, and its counter."""
    row = session.get(Lease, name)
    return (row.holder, row.beat) if row else None


def take_lease(session: Session, name: str, *, holder: str, seen: tuple[str, int] | None) -> bool:
    """Take or renew a lease if nobody moved it since it was seen."""
    if seen is None:
        insert_new(session, Lease, [{"name": name, "holder": holder, "beat": 0}], key=["name"])
        return read_lease(session, name) == (holder, 0)
    statement = (
        update(Lease)
        .where(Lease.name == name, Lease.holder == seen[0], Lease.beat == seen[1])
        .values(holder=holder, beat=seen[1] + 1)
    )
    return changed(session, statement) > 0
