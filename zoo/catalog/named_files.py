"""The files of record that rows name, and the jobs and spaces that keep some of them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from zoo.catalog.contents import REFERENCES
from zoo.catalog.jobs import LIVE
from zoo.catalog.models import all_version_blobs
from zoo.catalog.soundness import extracted_files
from zoo.catalog.tables import Generation, ModelVersion, Pack, Segment
from zoo.catalog.work_tables import Job, Shard

EVER = datetime.fromtimestamp(0, UTC)


def named_blobs(session: Session, *, retry_from: datetime = EVER) -> frozenset[str]:
    """Keys of the blobs that rows name, but those below `features/` of jobs that are kept.

    Archives only of jobs that go on, or ended after `retry_from` and may be tried again.
    """
    named: set[str] = set(session.scalars(select(Pack.key).where(Pack.key.not_like(REFERENCES))))
    named.update(session.scalars(select(Segment.key)))
    named.update(key for key, _ in all_version_blobs(session))
    snapshots = select(Generation.index_key).where(Generation.index_key.is_not(None))
    named.update(str(key) for key in session.scalars(snapshots))
    named.update(key for key, _ in extracted_files(session))
    named.update(_written_files(session))
    named.update(_checkpoints(session, retry_from))
    return frozenset(named | _waiting_archives(session, retry_from))


def writing_jobs(session: Session, *, retry_from: datetime) -> frozenset[str]:
    """Extract jobs whose files may yet come to be named: live ones, and what those go on from.

    So do jobs that ended after `retry_from` and may be tried again.
    """
    rows = session.execute(
        select(Job.id, Job.parent_job_id).where(Job.type == "extract", _may_go_on(retry_from))
    )
    parents = dict(rows.all())
    found = set(parents)
    wanted = {parent for parent in parents.values() if parent}
    while wanted - found:
        found |= wanted
        above = session.scalars(select(Job.parent_job_id).where(Job.id.in_(wanted)))
        wanted = {parent for parent in above if parent}
    return frozenset(found)


def spaces_in_use(session: Session) -> frozenset[str]:
    """The spaces of collections and of model versions."""
    used = set(session.scalars(select(Generation.space_id)))
    return frozenset(used | set(session.scalars(select(ModelVersion.space_id))))


def _written_files(session: Session) -> set[str]:
    """Files of extract shards, however their jobs ended: a retry goes on from them as they are."""
    arguments = session.scalars(select(Shard.arguments).where(Shard.kind == "extract"))
    return {str(one["file"]["key"]) for one in arguments if "file" in one}


def _checkpoints(session: Session, retry_from: datetime) -> set[str]:
    """What training goes on from: that of live jobs, and of failed ones that may be tried again.

    One whose training has not begun may have it from the job that it goes on from.
    """
    is_failed = and_(Job.state == "failed", Job.finished_at >= retry_from)
    arguments = session.scalars(
        select(Shard.arguments)
        .join(Job, Job.id == Shard.job_id)
        .where(Shard.kind == "train", or_(Job.state.in_(LIVE), is_failed))
    )
    going_on = session.scalars(
        select(Job.work).where(
            Job.type == "fine_tune",
            or_(Job.state.in_(LIVE), is_failed),
            Job.parent_job_id.is_not(None),
        )
    )
    kept = [*arguments, *(work.get("kept", {}) for work in going_on)]
    members = [member for one in kept for member in one.values()]
    return {str(one["key"]) for one in members if isinstance(one, dict) and "key" in one}


def _waiting_archives(session: Session, retry_from: datetime) -> set[str]:
    """Archives that have not been expanded, of jobs that go on or may be tried again."""
    arguments = session.scalars(
        select(Shard.arguments)
        .join(Job, Job.id == Shard.job_id)
        .where(Shard.kind == "expand", Shard.state != "done", _may_go_on(retry_from))
    )
    return {str(one["archive"]) for one in arguments if "archive" in one}


def _may_go_on(retry_from: datetime) -> ColumnElement[bool]:
    return or_(Job.state.in_(LIVE), Job.finished_at >= retry_from)
