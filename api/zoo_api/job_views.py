"""Jobs as answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast, overload

from pydantic import Field
from typing_extensions import TypedDict

from zoo.catalog import Session, inputs
from zoo.catalog.jobs import newest_events
from zoo.catalog.records import EventRecord, InputRecord, JobRecord, Json
from zoo.jobs.effort import Effort, Extraction, efforts_of, summarise

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601, UTC."""
JobState = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
TRAINING = "train"
InputState = Literal["queued", "embedded", "reused", "failed"]


class Progress(TypedDict):
    """How far a job has come; `eta_s` is null while nothing can be said."""

    phase: str
    completed: int
    total: int
    unit: str
    eta_s: float | None


class Step(TypedDict):
    """A phase of a job."""

    phase: str
    started_at: Instant
    finished_at: Instant | None


class StoredError(TypedDict):
    """Why a job, or one input of it, failed."""

    code: str
    detail: str | None


class Job(TypedDict):
    """One piece of asked work."""

    id: str
    type: str
    state: JobState
    spec: dict[str, Any]
    progress: Progress
    steps: list[Step]
    warnings: list[str]
    result: dict[str, Any] | None
    extraction: Extraction | None
    error: StoredError | None
    attempt: int
    parent_job_id: str | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


class JobInput(TypedDict):
    """What became of one file that a job was given."""

    name: str
    item_id: str | None
    state: InputState
    error: StoredError | None


class Event(TypedDict):
    """Something that happened to a job."""

    id: int
    type: str
    payload: dict[str, Any]
    created_at: Instant


def job_json(session: Session, job: JobRecord) -> Job:
    """A job with how far it has come."""
    return jobs_json(session, [job])[0]


def jobs_json(session: Session, jobs: Sequence[JobRecord]) -> list[Job]:
    """Jobs with how far each has come."""
    ids = [job.id for job in jobs]
    counts = inputs.count_states_of(session, ids)
    efforts = efforts_of(session, [job.id for job in jobs if job.started_at])
    told = told_of(session, jobs)
    return [
        _job_json(job, counts.get(job.id, {}), efforts.get(job.id, ()), told.get(job.id))
        for job in jobs
    ]


def told_of(session: Session, jobs: Sequence[JobRecord]) -> Mapping[str, Json]:
    """What the last step or epoch told, of each job that is training a network or has."""
    training = [job.id for job in jobs if job.phase == TRAINING]
    return newest_events(session, training, ("step", "epoch")) if training else {}


def _job_json(
    job: JobRecord, counts: Mapping[str, int], efforts: Sequence[Effort], told: Json | None
) -> Job:
    return {
        "id": job.id,
        "type": job.type,
        "state": cast("JobState", job.state),
        "spec": dict(job.spec),
        "progress": progress_json(job, counts, told),
        "steps": steps_json(job),
        "warnings": list(job.warnings),
        "result": None if job.result is None else dict(job.result),
        "extraction": extraction_json(job, efforts),
        "error": error_json(job.error_code, job.error_detail),
        "attempt": job.attempt,
        "parent_job_id": job.parent_job_id,
        "created_at": instant(job.created_at),
        "started_at": instant(job.started_at),
        "finished_at": instant(job.finished_at),
    }


def steps_json(job: JobRecord) -> list[Step]:
    """The phases so far; each ended when the next began, the last with the job."""
    begins = [step["started_at"] for step in job.steps]
    ends = [*begins, instant(job.finished_at)][1:]  # a job that waits has no phase yet
    return [
        {"phase": step["phase"], "started_at": step["started_at"], "finished_at": end}
        for step, end in zip(job.steps, ends, strict=True)
    ]


def extraction_json(job: JobRecord, efforts: Sequence[Effort]) -> Extraction | None:
    """How fast it goes, from the first shard that embedded; null before one has."""
    step = next((step for step in steps_json(job) if step["phase"] == "embed"), None)
    if step is None:
        return None
    ended = step["finished_at"]
    until = datetime.now(UTC) if ended is None else datetime.fromisoformat(ended)
    elapsed_s = (until - datetime.fromisoformat(step["started_at"])).total_seconds()
    return summarise(efforts, elapsed_s=elapsed_s)


def progress_json(job: JobRecord, counts: Mapping[str, int], told: Json | None) -> Progress:
    """Inputs done and known so far, and the time left at the rate until now, in seconds.

    Of a network that is trained steps are counted, as its last event told them.
    """
    if told is not None:
        return {
            "phase": job.phase,
            "completed": told["completed"],
            "total": told["total"],
            "unit": "steps",
            "eta_s": told["eta_s"] if job.finished_at is None else 0.0,
        }
    total = sum(counts.values())
    completed = total - counts.get("queued", 0)
    return {
        "phase": job.phase,
        "completed": completed,
        "total": total,
        "unit": "items",
        "eta_s": eta_s(job, completed, total),
    }


def eta_s(job: JobRecord, completed: int, total: int) -> float | None:
    """Seconds left; null while nothing can be said."""
    if job.finished_at is not None:
        return 0.0
    if job.started_at is None or not completed:
        return None
    elapsed = (datetime.now(UTC) - job.started_at).total_seconds()
    return round(elapsed / completed * (total - completed), 1)


def input_json(given: InputRecord) -> JobInput:
    """One input; a failed one is not an item."""
    return {
        "name": given.name,
        "item_id": None if given.state == "failed" else given.item_id,
        "state": cast("InputState", given.state),
        "error": error_json(given.error_code, given.error_detail),
    }


def event_json(event: EventRecord) -> Event:
    """One event."""
    return {
        "id": event.id,
        "type": event.type,
        "payload": dict(event.payload),
        "created_at": instant(event.created_at),
    }


def error_json(code: str | None, detail: str | None) -> StoredError | None:
    """A stored error, or null."""
    return {"code": code, "detail": detail} if code else None


@overload
def instant(moment: datetime) -> str: ...
@overload
def instant(moment: None) -> None: ...
@overload
def instant(moment: datetime | None) -> str | None: ...
def instant(moment: datetime | None) -> str | None:
    """An instant in ISO 8601, UTC."""
    return moment.isoformat() if moment else None
