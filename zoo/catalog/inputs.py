"""The files that jobs were given, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from zoo.catalog import counts
from zoo.catalog.records import InputRecord
from zoo.catalog.rows import as_record, changed, chunks, table_of
from zoo.catalog.tables import SpaceRow
from zoo.catalog.work_tables import Job, JobInput

_JOBS = table_of(Job)
_INPUTS = table_of(JobInput)
COUNTERS = MappingProxyType(
    {
        "queued": _JOBS.c.n_queued,
        "embedded": _JOBS.c.n_embedded,
        "reused": _JOBS.c.n_reused,
        "failed": _JOBS.c.n_failed,
    }
)
"""Where a job counts its inputs, by their state."""
INPUTS = "inputs"
FAILURES = "input_failures"

_ADD = insert(_INPUTS)
_QUEUED_OF = (
    select(_INPUTS)
    .where(_INPUTS.c.shard_id == bindparam("shard"), _INPUTS.c.state == "queued")
    .order_by(_INPUTS.c.position)
)
_END = update(_INPUTS).where(
    _INPUTS.c.pk.in_(bindparam("pks", expanding=True)), _INPUTS.c.state == "queued"
)
_COUNTS = select(_JOBS.c.id, *COUNTERS.values()).where(
    _JOBS.c.id.in_(bindparam("job_ids", expanding=True))
)
_COUNT = (
    update(_JOBS)
    .where(_JOBS.c.id == bindparam("job"))
    .values({counter: counter + bindparam(state) for state, counter in COUNTERS.items()})
)


def add_inputs(
    session: Session, job_id: str, inputs: Sequence[InputRecord], *, shard_id: int | None
) -> None:
    """Add inputs to a job and give the queued ones to a shard; their `pk` is not looked at."""
    rows = [
        {
            "job_id": job_id,
            "shard_id": shard_id if given.state == "queued" else None,
            "position": given.position,
            "name": given.name,
            "item_id": given.item_id,
            "label": given.label,
            "split": given.split,
            "metadata": dict(given.metadata),
            "sha256": given.sha256,
            "state": given.state,
            "error_code": given.error_code,
            "error_detail": given.error_detail,
        }
        for given in inputs
    ]
    for given in inputs:
        if given.state == "failed":
            counts.note(session, FAILURES, code=given.error_code or "")
    for chunk in chunks(rows):
        session.execute(_ADD, chunk)
    _count(session, job_id, Counter(given.state for given in inputs))


def queued_inputs(session: Session, shard_id: int) -> list[InputRecord]:
    """What a shard still has to do, in order."""
    rows = session.execute(_QUEUED_OF, {"shard": shard_id})
    return [as_record(InputRecord, row) for row in rows]


def set_state(session: Session, job_id: str, pks: Iterable[int], state: str) -> None:
    """Note what became of queued inputs that worked."""
    _end(session, job_id, pks, {"state": state})


def set_failed(
    session: Session, job_id: str, pks: Iterable[int], *, code: str, detail: str
) -> None:
    """Note why queued inputs failed."""
    values = {"state": "failed", "error_code": code, "error_detail": detail}
    _end(session, job_id, pks, values)


def move_inputs(session: Session, pks: Iterable[int], *, shard_id: int) -> None:
    """Give inputs to another shard."""
    for chunk in chunks(pks):
        session.execute(update(JobInput).where(JobInput.pk.in_(chunk)).values(shard_id=shard_id))


def count_states(session: Session, job_id: str) -> dict[str, int]:
    """How many of a job's inputs are in each state."""
    return count_states_of(session, [job_id]).get(job_id, {})


def count_states_of(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many inputs of each job are in each state; jobs without inputs are left out."""
    found: dict[str, dict[str, int]] = {}
    for chunk in chunks(job_ids):
        for job_id, *numbers in session.execute(_COUNTS, {"job_ids": chunk}):
            found[job_id] = {state: n for state, n in zip(COUNTERS, numbers, strict=True) if n}
    return {job_id: states for job_id, states in found.items() if states}


def count_codes(session: Session, job_id: str, codes: Iterable[str]) -> int:
    """How many of a job's inputs failed with one of these codes."""
    statement = select(func.count()).where(
        JobInput.job_id == job_id,
        JobInput.state == "failed",
        JobInput.error_code.in_(sorted(codes)),
    )
    return session.scalar(statement) or 0


def next_position(session: Session, job_id: str) -> int:
    """The position after a job's last input."""
    statement = select(func.max(JobInput.position)).where(JobInput.job_id == job_id)
    newest = session.scalar(statement)
    return 0 if newest is None else newest + 1


def list_inputs(
    session: Session, job_id: str, *, after: int, limit: int, state: str | None
) -> list[InputRecord]:
    """A job's inputs in order, after a position."""
    statement = (
        select(JobInput)
        .where(JobInput.job_id == job_id, JobInput.position > after)
        .order_by(JobInput.position)
        .limit(limit)
    )
    if state:
        statement = statement.where(JobInput.state == state)
    return [_one(row) for row in session.scalars(statement)]


def undone_inputs(session: Session, job_id: str, *, after: int, limit: int) -> list[InputRecord]:
    """A job's stored inputs that failed or were never reached, in order, after a position."""
    rows = session.scalars(
        select(JobInput)
        .where(
            JobInput.job_id == job_id,
            JobInput.position > after,
            JobInput.state.in_(("queued", "failed")),
            JobInput.sha256.is_not(None),
        )
        .order_by(JobInput.position)
        .limit(limit)
    )
    return [_one(row) for row in rows]


def queued_backlog(session: Session, *, seconds_per_item: float) -> float:
    """Seconds of one core that the waiting inputs of live jobs will take.

    Of a space that was never measured, or of none, an input is reckoned at `seconds_per_item`.
    """
    space_id = Job.work["space_id"].as_string()
    statement = (
        select(SpaceRow.seconds_per_item, func.sum(Job.n_queued))
        .select_from(Job)
        .join(SpaceRow, SpaceRow.space_id == space_id, isouter=True)
        .where(Job.state.in_(("queued", "running")), Job.n_queued > 0)
        .group_by(SpaceRow.seconds_per_item)
    )
    return sum((known or seconds_per_item) * n for known, n in session.execute(statement))


def _end(session: Session, job_id: str, pks: Iterable[int], values: Mapping[str, str]) -> None:
    n = 0
    for chunk in chunks(pks):
        n += changed(session, _END.values(values), {"pks": chunk})
    _count(session, job_id, {"queued": -n, values["state"]: n})
    if "error_code" in values:
        counts.note(session, FAILURES, n, code=values["error_code"])


def _count(session: Session, job_id: str, more: Mapping[str, int]) -> None:
    """Move the counters of a job, which the writer holds."""
    if any(more.values()):
        session.execute(_COUNT, {"job": job_id, **dict.fromkeys(COUNTERS, 0), **more})
    for state, n in more.items():
        if state != "queued":
            counts.note(session, INPUTS, n, state=state)


def _one(row: JobInput) -> InputRecord:
    return as_record(InputRecord, row, metadata=row.meta)
