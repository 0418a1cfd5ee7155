"""Shards and their claims.

The shards of a queue take turns: each new one of a job has the turn after the job's last, and the
first of a job the one after that which is being worked at. So a job of three pictures waits for a
shard or two of one that has come before with a million, and that one not for all that come later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.orm import Session

from zoo.catalog import wake_ups
from zoo.catalog.jobs import LIVE
from zoo.catalog.records import Json, ShardRecord
from zoo.catalog.rows import as_record, changed, chunks, table_of
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Job, Shard

OPEN = ("queued", "running")
TIMES = ("wall_s", "cpu_s", "decode_s", "forward_s")
"""What of a shard's effort is in seconds."""
SOONEST = -1
"""The turn of what ends a job in a moment: before all that begins or goes on with others."""

_SHARDS = table_of(Shard)
_JOBS = table_of(Job)
_ADD = insert(_SHARDS)
_IS_SHARD = _SHARDS.c.id == bindparam("shard")
_GET = select(_SHARDS).where(_IS_SHARD)
_CHANGE = update(_SHARDS).where(_IS_SHARD)
_CLAIM = _CHANGE.where(_SHARDS.c.state == "queued").values(token=_SHARDS.c.token + 1)
_CHANGE_CLAIMED = _CHANGE.where(_SHARDS.c.token == bindparam("held"), _SHARDS.c.state == "running")
_OF_JOB = _SHARDS.c.job_id == bindparam("job")
_OPEN = select(_SHARDS.c.id).where(_OF_JOB, _SHARDS.c.state.in_(OPEN)).limit(1)
_OF_KIND = (
    select(_SHARDS.c.arguments)
    .where(_OF_JOB, _SHARDS.c.kind == bindparam("wanted"))
    .order_by(_SHARDS.c.id)
)
_IS_WAITING = (  # spelt out, as the index's condition is: bound, it would not be used
    _SHARDS.c.queue == bindparam("wanted_queue"),
    _SHARDS.c.state == literal_column("'queued'"),
)
_FIRST_WAITING = (
    select(_SHARDS)
    .where(*_IS_WAITING, _SHARDS.c.announced_at.is_not(None))
    .order_by(_SHARDS.c.turn, _SHARDS.c.id)
    .limit(1)
)
_FIRST_FREE = (_FIRST_WAITING.join(_JOBS, _JOBS.c.id == _SHARDS.c.job_id)).with_for_update(
    of=_JOBS, skip_locked=True, key_share=True
)
_TURNS = select(
    select(_SHARDS.c.turn)
    .where(*_IS_WAITING, _SHARDS.c.turn > SOONEST, _SHARDS.c.announced_at.is_not(None))
    .order_by(_SHARDS.c.turn)
    .limit(1)
    .scalar_subquery(),
    select(_SHARDS.c.turn)
    .where(_OF_JOB, _SHARDS.c.state == "queued")
    .order_by(_SHARDS.c.id.desc())
    .limit(1)
    .scalar_subquery(),
)
"""Whose turn it is in a queue, and that of the last shard of a job: each one look at an index."""
_DROP = update(_SHARDS).where(_OF_JOB, _SHARDS.c.state == "queued")


def add_shard(
    session: Session,
    job_id: str,
    kind: str,
    *,
    arguments: Mapping[str, Any],
    queue: str = "cpu",
    turn: int | None = None,
    delay_s: float = 0.0,
) -> int:
    """A new queued shard with the wake-up for it, due after a delay; returns its id.

    By itself it has its job's next turn.
    """
    turn = next_turn(session, job_id, queue) if turn is None else turn
    row = {"job_id": job_id, "kind": kind, "queue": queue, "turn": turn}
    row["arguments"] = dict(arguments)
    added = session.execute(_ADD, row)
    [shard_id] = added.inserted_primary_key  # type: ignore[attr-defined]  # of one row, it is
    wake_ups.add_wake_up(session, shard_id, queue, delay_s=delay_s)
    return int(shard_id)


def next_turn(session: Session, job_id: str, queue: str) -> int:
    """The turn of the next shard that a job gives to a queue."""
    present, last = session.execute(_TURNS, {"job": job_id, "wanted_queue": queue}).one()
    # Not the present one itself: with newcomers in it, it would never end.
    return max(0 if present is None else present + (last is None), 0 if last is None else last + 1)


def get_shard(session: Session, shard_id: int) -> ShardRecord | None:
    """A shard by id, as it stands now."""
    row = session.execute(_GET, {"shard": shard_id}).one_or_none()
    return as_record(ShardRecord, row) if row else None


def first_waiting(session: Session, queue: str) -> ShardRecord | None:
    """Whose turn it is in a queue, of the shards that were announced; None if none was."""
    row = session.execute(_FIRST_WAITING, {"wanted_queue": queue}).one_or_none()
    return as_record(ShardRecord, row) if row else None


def first_free(session: Session, queue: str) -> ShardRecord | None:
    """Whose turn it is in a queue, of the jobs that nobody holds at this moment.

    Locks the job. On SQLite nobody holds any, as it has one writer; on PostgreSQL a worker that is
    stopped in the middle of a transaction keeps its job's shards waiting, and no others.
    """
    row = session.execute(_FIRST_FREE, {"wanted_queue": queue}).one_or_none()
    return as_record(ShardRecord, row) if row else None


def claim_shard(
    session: Session, shard_id: int, *, worker_id: str, pid: int
) -> ShardRecord | None:
    """Take a queued shard: compare-and-set with the next fencing token; None if it is gone.

    Waits for who holds the row instead of skipping it: that may be the keeper's note that the
    shard was announced, and a claim given up for it would come back only with the next ring.
    """
    owner = {"worker_id": worker_id, "pid": pid, "claimed_at": now()}
    taken = {"shard": shard_id, "state": "running", **owner}
    return get_shard(session, shard_id) if changed(session, _CLAIM, taken) else None


def close_shard(session: Session, shard_id: int, *, token: int, state: str) -> bool:
    """End a claimed shard; False if the claim was lost: then nothing may be written."""
    ended = {"shard": shard_id, "held": token, "state": state, "worker_id": None, "pid": None}
    return changed(session, _CHANGE_CLAIMED, ended) > 0


def holds(session: Session, shard_id: int, *, token: int) -> bool:
    """Whether a claim still stands; locks the row, so that it does until the commit."""
    locked = {"shard": shard_id, "held": token, "token": token}
    return changed(session, _CHANGE_CLAIMED, locked) > 0


def requeue_shard(
    session: Session,
    shard: ShardRecord,
    *,
    attempt: int,
    waits: int,
    last_error: str | None,
    delay_s: float = 0.0,
    turn: int | None = None,
) -> bool:
    """Put a claimed shard back, with a new wake-up after a delay; False if the claim was lost.

    By itself it keeps its turn.
    """
    freed = {
        "state": "queued",
        "worker_id": None,
        "pid": None,
        "attempt": attempt,
        "waits": waits,
        "last_error": last_error,
        "announced_at": None,  # it was for an attempt that is over
    }
    if turn is not None:
        freed["turn"] = turn
    mine = {"shard": shard.id, "held": shard.token}
    if not changed(session, _CHANGE_CLAIMED, {**mine, **freed}):
        return False
    wake_ups.add_wake_up(session, shard.id, shard.queue, delay_s=delay_s)
    return True


def is_held_up(session: Session, shard: ShardRecord, *, waited_s: float) -> bool:
    """Whether other jobs have waited so long for processes that all do what this shard does.

    While one of a queue's does something else, it goes on with what waits.
    """
    waiting = select(Shard.id).where(
        Shard.state == "queued",
        Shard.queue == shard.queue,
        Shard.job_id != shard.job_id,
        Shard.announced_at <= now() - timedelta(seconds=waited_s),
    )
    others = select(Shard.id).where(
        Shard.state == "running", Shard.queue == shard.queue, Shard.kind != shard.kind
    )
    if session.scalar(others.limit(1)) is not None:
        return False
    return session.scalar(waiting.limit(1)) is not None


def drop_queued(session: Session, job_id: str, *, state: str) -> None:
    """End a job's queued shards."""
    session.execute(_DROP.values(state=state), {"job": job_id})


def has_open(session: Session, job_id: str) -> bool:
    """Whether any of a job's shards is queued or running."""
    return session.scalar(_OPEN, {"job": job_id}) is not None


def has_kind(session: Session, job_id: str, kind: str) -> bool:
    """Whether a job has a shard of this kind, in any state."""
    return session.execute(_OF_KIND, {"job": job_id, "wanted": kind}).first() is not None


def count_queued(session: Session, queue: str, *, most: int) -> int:
    """How many shards of a queue nobody has claimed, whatever their jobs, up to `most`."""
    waiting = select(Shard.id).where(Shard.state == "queued", Shard.queue == queue).limit(most)
    return len(session.scalars(waiting).all())


def unfinished(
    session: Session, job_id: str, *, kinds: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Kind and arguments of a job's shards of these kinds that are not done."""
    rows = session.execute(
        select(Shard.kind, Shard.arguments)
        .where(Shard.job_id == job_id, Shard.kind.in_(kinds), Shard.state != "done")
        .order_by(Shard.id)
    )
    return [(first, second) for first, second in rows]


def arguments_of(session: Session, job_id: str, kind: str) -> list[dict[str, Any]]:
    """The arguments of a job's shards of a kind: how far each has come."""
    return list(session.scalars(_OF_KIND, {"job": job_id, "wanted": kind}))


def take_arguments(session: Session, job_id: str, kind: str) -> dict[str, Any]:
    """The arguments of a job's last shard of a kind, if it is not done; it has none from then on.

    For one who goes on from it: the files that arguments name have one owner.
    """
    row = session.scalar(
        select(Shard)
        .where(Shard.job_id == job_id, Shard.kind == kind, Shard.state != "done")
        .order_by(Shard.id.desc())
        .limit(1)
    )
    if row is None:
        return {}
    found, row.arguments = row.arguments, {}
    return found


def set_arguments(session: Session, shard_id: int, arguments: Mapping[str, Any]) -> None:
    """Replace a claimed shard's arguments: how far it has come.

    Progress forgives attempts, and begins the wait for what does not answer anew.
    """
    come = {"arguments": dict(arguments), "attempt": 0, "waits": 0}
    session.execute(_CHANGE, {"shard": shard_id, **come})


def note_arguments(session: Session, shard_id: int, arguments: Mapping[str, Any]) -> None:
    """Replace a claimed shard's arguments by what is no progress: its attempts stay counted."""
    session.execute(_CHANGE, {"shard": shard_id, "arguments": dict(arguments)})


def set_effort(session: Session, shard_id: int, effort: Mapping[str, Any]) -> None:
    """Note what a claimed shard's forwarding took."""
    session.execute(_CHANGE, {"shard": shard_id, "effort": dict(effort)})


def list_efforts(session: Session, job_ids: Iterable[str]) -> list[tuple[str, Json]]:
    """What forwarding took in the shards of these jobs: job's id and sums, a row a process."""
    names = ("engine", "worker", "lanes", "n", *TIMES)
    found: list[tuple[str, Json]] = []
    for chunk in chunks(sorted(set(job_ids))):
        for job_id, *values in session.execute(_efforts_of(), {"job_ids": chunk}):
            found.append((job_id, dict(zip(names, values, strict=True))))
    return found


@cache
def _efforts_of() -> Select[Any]:
    """Made once: whoever waits for a job asks all the time, and making it costs more than it."""
    lanes = func.coalesce(Shard.effort["lanes"].as_integer(), literal_column("0"))
    done_by = [*(Shard.effort[name].as_string() for name in ("engine", "worker")), lanes]
    n = Shard.effort["n"].as_integer()
    sums = [func.sum(n), *(func.sum(Shard.effort[name].as_float()) for name in TIMES)]
    return (
        select(Shard.job_id, *done_by, *sums)
        .where(Shard.job_id.in_(bindparam("job_ids", expanding=True)), n.is_not(None))
        .group_by(Shard.job_id, *done_by)
        .order_by(Shard.job_id, *done_by)
    )


def claims_of(session: Session, worker_ids: Iterable[str]) -> list[ShardRecord]:
    """Shards that these workers hold."""
    found: list[ShardRecord] = []
    for chunk in chunks(worker_ids):
        rows = session.scalars(
            select(Shard).where(Shard.worker_id.in_(chunk), Shard.state == "running")
        )
        found.extend(as_record(ShardRecord, row) for row in rows)
    return found


def unowned_claims(session: Session, worker_ids: Sequence[str]) -> list[ShardRecord]:
    """Running shards whose worker is none of the known ones."""
    rows = session.scalars(
        select(Shard).where(Shard.state == "running", Shard.worker_id.not_in(worker_ids))
    )
    return [as_record(ShardRecord, row) for row in rows]


def idle_jobs(session: Session) -> list[str]:
    """Live jobs of which no shard is queued or running."""
    is_open = select(Shard.id).where(Shard.job_id == Job.id, Shard.state.in_(OPEN)).exists()
    return list(session.scalars(select(Job.id).where(Job.state.in_(LIVE), ~is_open)))
