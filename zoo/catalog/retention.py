"""Jobs and events that have been kept for long enough.

A job that a model version or a dataset version came from, or that another job goes on from, is
part of its lineage and stays.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from zoo.catalog.jobs import LIVE
from zoo.catalog.rows import changed, chunks
from zoo.catalog.tables import DatasetVersion, ModelVersion
from zoo.catalog.work_tables import Event, IdempotencyKey, Job, JobInput, Shard


def expired_jobs(session: Session, *, before: datetime, limit: int) -> list[str]:
    """Jobs that ended before an instant and are nobody's lineage, oldest first."""
    child = aliased(Job)
    rows = session.scalars(
        select(Job.id)
        .where(Job.state.not_in(LIVE), Job.finished_at < before)
        .where(~select(ModelVersion.id).where(ModelVersion.job_id == Job.id).exists())
        .where(~select(DatasetVersion.id).where(DatasetVersion.job_id == Job.id).exists())
        .where(Job.id.not_in(select(child.parent_job_id).where(child.parent_job_id.is_not(None))))
        .order_by(Job.id)
        .limit(limit)
    )
    return list(rows)


def drop_job(session: Session, job_id: str, *, limit: int) -> bool:
    """Delete an ended job with all that is only its own; False if more than `limit` rows are."""
    mine = select(JobInput.pk).where(JobInput.job_id == job_id).limit(limit)
    pks = list(session.scalars(mine))
    for chunk in chunks(pks):
        session.execute(delete(JobInput).where(JobInput.pk.in_(chunk)))
    if len(pks) == limit:
        return False
    for table in (Event, IdempotencyKey, Shard):
        session.execute(delete(table).where(table.job_id == job_id))
    return changed(session, delete(Job).where(Job.id == job_id, Job.state.not_in(LIVE))) > 0


def drop_events(session: Session, *, before: datetime, limit: int) -> int:
    """Delete some events of jobs that ended before an instant; returns how many."""
    old = (
        select(Event.id)
        .join(Job, Job.id == Event.job_id)
        .where(Job.state.not_in(LIVE), Job.finished_at < before)
        .limit(limit)
    )
    ids = list(session.scalars(old))
    return sum(changed(session, delete(Event).where(Event.id.in_(chunk))) for chunk in chunks(ids))
