"""What is left behind where a process died between two steps."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from zoo.catalog.rows import changed
from zoo.catalog.shards import OPEN
from zoo.catalog.work_tables import Forward, Job, JobInput, Shard


def free_reservations(session: Session) -> int:
    """Free contents that are reserved for a shard that is not running; returns how many."""
    running = select(Shard.id).where(Shard.state == "running")
    return changed(session, delete(Forward).where(Forward.shard_id.not_in(running)))


def stale_reservations(session: Session) -> list[tuple[int, str]]:
    """Shard and content of reservations whose shard is not running: nobody will forward them."""
    running = select(Shard.id).where(Shard.state == "running")
    rows = session.execute(
        select(Forward.shard_id, Forward.sha256).where(Forward.shard_id.not_in(running))
    )
    return [(first, second) for first, second in rows]


def unfinished_successes(session: Session) -> list[str]:
    """Jobs that have succeeded although a shard or an input of theirs was never done."""
    is_open = select(Shard.id).where(Shard.job_id == Job.id, Shard.state.in_(OPEN)).exists()
    waits = (
        select(JobInput.pk).where(JobInput.job_id == Job.id, JobInput.state == "queued").exists()
    )
    statement = select(Job.id).where(Job.state == "succeeded", is_open | waits).order_by(Job.id)
    return list(session.scalars(statement))
