"""Jobs as answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from zoo.catalog import Session, inputs
from zoo.catalog.records import EventRecord, InputRecord, JobRecord


def job_json(session: Session, job: JobRecord) -> dict[str, Any]:
    """A job with how far it has come."""
    return jobs_json(session, [job])[0]


def jobs_json(session: Session, jobs: Sequence[JobRecord]) -> list[dict[str, Any]]:
    """Jobs with how far each has come."""
    counts = inputs.count_states_of(session, [job.id for job in jobs])
    return [_job_json(job, counts.get(job.id, {})) for job in jobs]


def _job_json(job: JobRecord, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": job.id,
        "type": job.type,
        "state": job.state,
        "spec": dict(job.spec),
        "progress": progress_json(job, counts),
        "steps": steps_json(job),
        "warnings": list(job.warnings),
        "result": job.result,
        "error": error_json(job.error_code, job.error_detail),
        "attempt": job.attempt,
        "parent_job_id": job.parent_job_id,
        "created_at": instant(job.created_at),
        "started_at": instant(job.started_at),
        "finished_at": instant(job.finished_at),
    }


def steps_json(job: JobRecord) -> list[dict[str, Any]]:
    """The phases so far; each ended when the next began, the last with the job."""
    begins = [step["started_at"] for step in job.steps]
    ends = [*begins, instant(job.finished_at)][1:]  # a job that waits has no phase yet
    return [{**step, "finished_at": end} for step, end in zip(job.steps, ends, strict=True)]


def progress_json(job: JobRecord, counts: Mapping[str, int]) -> dict[str, Any]:
    """Inputs done and known so far, and the time left at the rate until now, in seconds."""
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


def input_json(given: InputRecord) -> dict[str, Any]:
    """One input; a failed one is not an item."""
    return {
        "name": given.name,
        "item_id": None if given.state == "failed" else given.item_id,
        "state": given.state,
        "error": error_json(given.error_code, given.error_detail),
    }


def event_json(event: EventRecord) -> dict[str, Any]:
    """One event."""
    return {
        "id": event.id,
        "type": event.type,
        "payload": dict(event.payload),
        "created_at": instant(event.created_at),
    }


def error_json(code: str | None, detail: str | None) -> dict[str, str | None] | None:
    """A stored error, or null."""
    return {"code": code, "detail": detail} if code else None


def instant(moment: datetime | None) -> str | None:
    """An instant in ISO 8601, UTC."""
    return moment.isoformat() if moment else None
