"""What is left behind where a process died between two steps, and which files rows name."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from zoo.catalog.rows import changed
from zoo.catalog.shards import OPEN
from zoo.catalog.tables import ModelVersion, Pack, Segment
from zoo.catalog.work_tables import Forward, Job, JobInput, Shard


def named_files(session: Session) -> frozenset[str]:
    """Keys of all blobs that a row names, but for indexes: most files of theirs no row names."""
    return frozenset(_named(session))


def _named(session: Session) -> Iterator[str]:
    yield from session.scalars(select(Pack.key))
    yield from session.scalars(select(Segment.key))
    yield from session.scalars(select(ModelVersion.blob_key))
    # An archive is wanted until it was expanded; where its job failed, by who tries it again.
    waiting = select(Shard.arguments).where(Shard.kind == "expand", Shard.state != "done")
    yield from (one["archive"] for one in session.scalars(waiting) if "archive" in one)
    written = select(Shard.arguments).where(Shard.kind == "extract")
    yield from (one["file"]["key"] for one in session.scalars(written) if "file" in one)


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
