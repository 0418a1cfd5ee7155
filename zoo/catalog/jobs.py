"""Jobs: what was asked and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from zoo.catalog import counts
from zoo.catalog.records import EventRecord, JobRecord, Json
from zoo.catalog.rows import as_record, changed, chunks, table_of
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Event, IdempotencyKey, Job

LIVE = ("queued", "running", "cancelling")

_NOT_YET = MappingProxyType(
    dict.fromkeys(
        (
            "result",
            "error_code",
            "error_detail",
            "parent_job_id",
            "request_id",
            "started_at",
            "finished_at",
        )
    )
)
"""What a new job has none of, unless it is given."""

_JOBS = table_of(Job)
_KEYS = table_of(IdempotencyKey)
_IS_JOB = _JOBS.c.id == bindparam("job")
_ADD = insert(_JOBS)
_GET = select(_JOBS).where(_IS_JOB)
_LOCK = _GET.with_for_update(key_share=True)
_CHANGE = update(_JOBS).where(_IS_JOB)
_CHANGE_QUEUED = _CHANGE.where(_JOBS.c.state == "queued")
_CHANGE_LIVE = _CHANGE.where(_JOBS.c.state.in_(LIVE))
_TYPE = select(_JOBS.c.type).where(_IS_JOB)
_NOTE_ATTEMPT = _CHANGE.where(_JOBS.c.attempt < bindparam("tried")).values(
    attempt=bindparam("tried")
)
_ADD_EVENT = insert(table_of(Event))
_RECALL = select(_KEYS.c.fingerprint, _KEYS.c.job_id).where(_KEYS.c.key == bindparam("given"))
_REMEMBER = insert(_KEYS)


def add_job(session: Session, job_id: str, *, values: Mapping[str, Any]) -> JobRecord:
    """A new queued job."""
    row = {"id": job_id, "state": "queued", "is_internal": False, "attempt": 0, **values}
    row |= {"steps": [], "warnings": [], "created_at": now()}
    session.execute(_ADD, row)
    add_event(session, job_id, "state", {"state": "queued"})
    return JobRecord(**{**_NOT_YET, **row})


def get_job(session: Session, job_id: str) -> JobRecord | None:
    """A job by id, as it stands now."""
    row = session.execute(_GET, {"job": job_id}).one_or_none()
    return as_record(JobRecord, row) if row else None


def lock_job(session: Session, job_id: str) -> JobRecord | None:
    """A job by id, held against other writers until the transaction ends.

    Taken before the locks of the job's shards; rows that only refer to the job go on being made.
    """
    row = session.execute(_LOCK, {"job": job_id}).one_or_none()
    return as_record(JobRecord, row) if row else None


def list_jobs(
    session: Session, *, before: str, limit: int, job_type: str | None, state: str | None
) -> list[JobRecord]:
    """Jobs, newest first, those before an id; the zoo's own only if their type is asked for."""
    statement = select(Job).order_by(Job.id.desc()).limit(limit)
    if before:
        statement = statement.where(Job.id < before)
    if state:
        statement = statement.where(Job.state == state)
    is_wanted = Job.type == job_type if job_type else Job.is_internal.is_(False)
    return [as_record(JobRecord, row) for row in session.scalars(statement.where(is_wanted))]


def live_jobs(session: Session, job_type: str) -> list[JobRecord]:
    """Jobs of a type that have not ended."""
    rows = session.scalars(select(Job).where(Job.type == job_type, Job.state.in_(LIVE)))
    return [as_record(JobRecord, row) for row in rows]


def start_job(session: Session, job_id: str) -> None:
    """Note that the first of a job's shards is being done."""
    begun = {"job": job_id, "state": "running", "started_at": now()}
    if changed(session, _CHANGE_QUEUED, begun):
        add_event(session, job_id, "state", {"state": "running"})


def end_job(
    session: Session, job_id: str, *, state: str, values: Mapping[str, Any] | None = None
) -> bool:
    """Give a live job its end; False if it had one already."""
    ended = {"job": job_id, "state": state, "finished_at": now(), **(values or {})}
    if not changed(session, _CHANGE_LIVE, ended):
        return False
    job_type = session.scalar(_TYPE, {"job": job_id})
    counts.note(session, "jobs_ended", type=str(job_type), state=state)
    payload = {"state": state, **({"error": values} if values and "error_code" in values else {})}
    add_event(session, job_id, "state", payload)
    return True


def cancel_job(session: Session, job_id: str) -> bool:
    """Ask a live job to stop; False if it has ended or is stopping already."""
    statement = (
        update(Job)
        .where(Job.id == job_id, Job.state.in_(("queued", "running")))
        .values(state="cancelling")
    )
    if not changed(session, statement):
        return False
    add_event(session, job_id, "state", {"state": "cancelling"})
    return True


def set_phase(session: Session, job_id: str, phase: str, *, steps: Sequence[object]) -> None:
    """Move a job to its next phase."""
    session.execute(_CHANGE, {"job": job_id, "phase": phase, "steps": list(steps)})
    add_event(session, job_id, "phase", {"phase": phase})


def take_from_work(session: Session, job: JobRecord, member: str) -> Json:
    """A member of an ended job's work, which it has none of from then on: files have one owner."""
    taken: Json = job.work.get(member, {})
    left = {name: value for name, value in job.work.items() if name != member}
    session.execute(_CHANGE, {"job": job.id, "work": left})
    return taken


def set_warnings(session: Session, job_id: str, warnings: Sequence[str]) -> None:
    """Replace a job's warnings."""
    session.execute(update(Job).where(Job.id == job_id).values(warnings=list(warnings)))


def note_attempt(session: Session, job_id: str, attempt: int) -> None:
    """Keep the highest attempt that any shard of a job has reached."""
    session.execute(_NOTE_ATTEMPT, {"job": job_id, "tried": attempt})


def add_event(session: Session, job_id: str, kind: str, payload: Mapping[str, Any]) -> None:
    """Append to a job's events."""
    row = {"job_id": job_id, "type": kind, "payload": dict(payload), "created_at": now()}
    session.execute(_ADD_EVENT, row)


def list_events(session: Session, job_id: str, *, after: int, limit: int) -> list[EventRecord]:
    """A job's events in order, after an event's id."""
    rows = session.scalars(
        select(Event)
        .where(Event.job_id == job_id, Event.id > after)
        .order_by(Event.id)
        .limit(limit)
    )
    return [as_record(EventRecord, row) for row in rows]


def events_of_kind(
    session: Session, job_id: str, kind: str, *, after: int, limit: int
) -> list[EventRecord]:
    """A job's events of one kind in order, after an event's id."""
    rows = session.scalars(
        select(Event)
        .where(Event.job_id == job_id, Event.id > after, Event.type == kind)
        .order_by(Event.id)
        .limit(limit)
    )
    return [as_record(EventRecord, row) for row in rows]


def newest_events(
    session: Session, job_ids: Iterable[str], kinds: Sequence[str]
) -> dict[str, Json]:
    """What the last event of these kinds told of each job; those without one are left out."""
    found: dict[str, Json] = {}
    for chunk in chunks(sorted(set(job_ids))):
        last = (
            select(func.max(Event.id))
            .where(Event.job_id.in_(chunk), Event.type.in_(kinds))
            .group_by(Event.job_id)
        )
        rows = session.execute(select(Event.job_id, Event.payload).where(Event.id.in_(last)))
        found.update(rows.all())
    return found


def recall_key(session: Session, key: str) -> tuple[str, str] | None:
    """Fingerprint and job of a request that came with this idempotency key."""
    row = session.execute(_RECALL, {"given": key}).one_or_none()
    return (row.fingerprint, row.job_id) if row else None


def remember_key(session: Session, key: str, *, fingerprint: str, job_id: str) -> None:
    """Keep which job answered a request with this idempotency key."""
    row = {"key": key, "fingerprint": fingerprint, "job_id": job_id, "created_at": now()}
    session.execute(_REMEMBER, row)
