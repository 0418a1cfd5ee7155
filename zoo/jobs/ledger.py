"""Moving jobs and shards through their states; every step is one fenced transaction.

A shard is claimed by compare-and-set with a fencing token, which stands in the WHERE of every
later write of that attempt: a zombie that wakes after its claim was given away changes nothing.
Every step locks the job's row first, then its shards: so the last of two shards that end at once
sees that the other has ended, events and positions are numbered in the order of their commits,
and nobody waits in a circle.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from zoo.catalog import Catalog, Session, counts, features, inputs, jobs, shards, wake_ups
from zoo.catalog.records import JobRecord, Json, ShardRecord
from zoo.errors import ClaimLostError, ConflictError, ZooError
from zoo.jobs.patience import Patience
from zoo.logs import current_request
from zoo.names import new_id, unknown
from zoo.settings import CPU_QUEUE

FIRST_PHASE = {
    "ingest": "receive",
    "extract": "enlist",
    "fine_tune": "plan",
    "describe": "describe",
    "refresh": "refresh",
}
FINAL_KIND = {
    ("ingest", "collection"): "index",
    ("ingest", "dataset"): "seal",
    ("extract", ""): "collate",
    ("fine_tune", ""): "train",
    ("describe", ""): "describe",
    ("refresh", ""): "refresh",
}

KEPT = "kept"
"""The member of a job's work that holds what the final shard of the job before it had come to."""

QUICK_ENDS = ("index", "seal", "collate")
"""Final shards that nobody waits long for: they come before what begins other jobs."""

NEXT = "once that is mended, POST /v1/jobs/{job_id}/retry does what is left"
"""What to do about a job that failed for no reason of its own."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right of one process to do one shard, until it is lost."""

    shard: ShardRecord
    job: JobRecord

    @property
    def arguments(self) -> Json:
        """What the shard was made with."""
        return self.shard.arguments


def create_job(
    session: Session,
    job_type: str,
    spec: Json,
    *,
    work: Json,
    target: str = "",
    is_internal: bool = False,
    parent_job_id: str | None = None,
) -> JobRecord:
    """A new queued job without shards; `target` is what an ingest fills."""
    return jobs.add_job(
        session,
        new_id("job"),
        values={
            "type": job_type,
            "spec": dict(spec),
            "work": dict(work),
            "final_kind": FINAL_KIND[job_type, target],
            "is_internal": is_internal,
            "phase": FIRST_PHASE[job_type],
            "parent_job_id": parent_job_id,
            "request_id": current_request(),
        },
    )


def claim(catalog: Catalog, shard_id: int, *, worker_id: str, pid: int) -> Claim | None:
    """Take a shard when a message tells of one; None if there is none to take.

    A shard that was announced may be done by whoever comes: the one whose turn it is, is taken.
    Each message takes at most one, so that there are never more such shards than messages. Every
    try is a transaction of its own, as one that was overtaken holds the lock of a job in vain.
    """
    while True:
        with contextlib.suppress(_OvertakenError):
            return catalog.transact(
                lambda session: _claim(session, shard_id, worker_id=worker_id, pid=pid)
            )


class _OvertakenError(Exception):
    """Another was faster with the shard: whose turn is it now?"""


def _claim(session: Session, shard_id: int, *, worker_id: str, pid: int) -> Claim | None:
    wanted = _wanted(session, shard_id)
    job = jobs.lock_job(session, wanted.job_id) if wanted else None
    if wanted is None or job is None:
        return None
    shard = shards.claim_shard(session, wanted.id, worker_id=worker_id, pid=pid)
    if shard is None:
        raise _OvertakenError
    if job.state not in ("queued", "running"):
        shards.close_shard(session, shard.id, token=shard.token, state="cancelled")
        settle(session, shard.job_id)
        return None
    if job.state == "queued":
        jobs.start_job(session, job.id)
    if shard.attempt >= job.attempt:
        jobs.note_attempt(session, job.id, shard.attempt + 1)
    enter_phase(session, job, shard.kind)
    return Claim(shard=shard, job=job)


def _wanted(session: Session, shard_id: int) -> ShardRecord | None:
    """The shard that a message is good for: its own if it is not noted as sent yet."""
    told = shards.get_shard(session, shard_id)
    if told is None:
        return None
    is_its_own = told.state == "queued" and told.announced_at is None
    # A message of an earlier attempt may have been left over: it does not end a pause.
    if is_its_own and not (told.waits and wake_ups.is_pausing(session, shard_id)):
        return told
    return shards.first_free(session, told.queue) or shards.first_waiting(session, told.queue)


def fence(session: Session, claimed: Claim) -> None:
    """First step of every write of an attempt: raises `ClaimLostError` if it is not ours."""
    jobs.lock_job(session, claimed.job.id)
    if not shards.holds(session, claimed.shard.id, token=claimed.shard.token):
        raise ClaimLostError(f"shard {claimed.shard.id} was given to somebody else or cancelled")


def finish(
    session: Session, claimed: Claim, *, end: Callable[[Session, JobRecord], None] | None = None
) -> None:
    """End a fenced shard well and let its job go on.

    `end` takes the place of the final shard where that has nothing to do but to end the job.
    """
    _close(session, claimed, state="done")
    settle(session, claimed.job.id, end=end)


def succeed(session: Session, claimed: Claim, result: Mapping[str, Any]) -> None:
    """End a job's final shard, and the job with its result."""
    _close(session, claimed, state="done")
    _end(session, claimed.job.id, state="succeeded", values={"result": dict(result)})


def end_ingest(session: Session, job: JobRecord) -> None:
    """End an ingest all of whose shards are closed, with the counts of its inputs."""
    enter_phase(session, job, job.final_kind)
    counts = count_inputs(session, job.id)
    if has_gone_well(job, counts):
        _end(session, job.id, state="succeeded", values={"result": counts})
    else:
        values = {**_emptiness(job.id, counts), "result": counts}
        _end(session, job.id, state="failed", values=values)


def has_gone_well(job: JobRecord, counts: Mapping[str, int]) -> bool:
    """Whether an ingest has used anything, or looked at a source that had nothing to use."""
    was_looked_at = "source_id" in job.work and not counts["failed"]
    return bool(counts["embedded"] or counts["reused"]) or was_looked_at


def fail(session: Session, claimed: Claim, *, code: str, detail: str, result: Json | None) -> None:
    """End a shard and its job for a reason that another attempt would not change."""
    _close(session, claimed, state="failed")
    values = {"error_code": code, "error_detail": detail, "result": result}
    _end(session, claimed.job.id, state="failed", values=values)


def fail_empty(session: Session, claimed: Claim, counts: Mapping[str, int]) -> None:
    """End an ingest of which no file could be used, saying where the reasons stand."""
    _close(session, claimed, state="failed")
    values = {**_emptiness(claimed.job.id, counts), "result": counts}
    _end(session, claimed.job.id, state="failed", values=values)


def _emptiness(job_id: str, counts: Mapping[str, int]) -> dict[str, object]:
    detail = (
        f"none of the {counts['failed']} files given could be used; "
        f"GET /v1/jobs/{job_id}/items?state=failed says why for each"
    )
    return {"error_code": "no_item_succeeded", "error_detail": detail}


def fail_attempt(
    catalog: Catalog, shard: ShardRecord, *, code: str, detail: str, attempts: int
) -> None:
    """Count a failed attempt: the shard is queued again, or after `attempts` its job fails.

    Changes nothing if the claim was lost: what another holder has reserved is not ours to free.
    """

    def count(session: Session) -> None:
        held = _let_go(session, shard, code=code)
        if held is None:
            return
        tried = held.attempt + 1
        if tried >= attempts:
            _give_up(session, held, code=code, detail=f"{detail} (after {tried} attempts)")
            return
        shards.requeue_shard(session, held, attempt=tried, waits=held.waits, last_error=detail)
        settle(session, shard.job_id)

    catalog.transact(count)


def postpone(
    catalog: Catalog, shard: ShardRecord, *, code: str, detail: str, patience: Patience
) -> None:
    """Queue a shard again after a pause, for what does not answer; it counts no attempt.

    Its job fails when the patience has ended. Changes nothing if the claim was lost.
    """

    def count(session: Session) -> None:
        held = _let_go(session, shard, code=code)
        if held is None:
            return
        if held.waits >= patience.waits:
            waited = f"after {held.waits} waits, {patience.waited_s(held.waits):.0f} s in all"
            _give_up(session, held, code=code, detail=f"{detail} ({waited})")
            return
        shards.requeue_shard(
            session,
            held,
            attempt=held.attempt,
            waits=held.waits + 1,
            last_error=detail,
            delay_s=patience.pause_s(held.waits),
        )
        settle(session, shard.job_id)

    catalog.transact(count)


def _let_go(session: Session, shard: ShardRecord, *, code: str) -> ShardRecord | None:
    """The shard as it stands now: progress may have reset its counts since the claim.

    Frees what it has reserved, and counts the reason; None if the claim was lost.
    """
    jobs.lock_job(session, shard.job_id)
    if not shards.holds(session, shard.id, token=shard.token):
        return None
    features.release_forwards(session, [shard.id])
    counts.note(session, "attempts_failed", code=code)
    return shards.get_shard(session, shard.id)


def _give_up(session: Session, shard: ShardRecord, *, code: str, detail: str) -> None:
    shards.close_shard(session, shard.id, token=shard.token, state="failed")
    told = f"{detail}; {NEXT.format(job_id=shard.job_id)}"
    values = {"error_code": code, "error_detail": told}
    _end(session, shard.job_id, state="failed", values=values)


def give_back(session: Session, claims: Sequence[ShardRecord]) -> int:
    """Queue shards again whose node was lost; that is nobody's fault and counts no attempt."""
    for job_id in sorted({shard.job_id for shard in claims}):
        jobs.lock_job(session, job_id)
    freed = [shard for shard in claims if requeue_as_it_stands(session, shard)]
    counts.note(session, "claims_lost", len(freed))
    features.release_forwards(session, [shard.id for shard in freed])
    for job_id in dict.fromkeys(shard.job_id for shard in freed):
        settle(session, job_id)
    return len(freed)


def requeue_as_it_stands(
    session: Session, shard: ShardRecord, *, delay_s: float = 0.0, turn: int | None = None
) -> bool:
    """Queue a claimed shard again; progress may have reset its counts since it was looked at."""
    now = shards.get_shard(session, shard.id) or shard
    counted = {"attempt": now.attempt, "waits": now.waits}
    return shards.requeue_shard(
        session, shard, **counted, last_error=None, delay_s=delay_s, turn=turn
    )


def settle(
    session: Session, job_id: str, *, end: Callable[[Session, JobRecord], None] | None = None
) -> None:
    """Let a job whose shards are all closed take its next step: the final shard, or its end.

    With `end` that, in the place of the final shard.
    """
    job = jobs.lock_job(session, job_id)
    if job is None or job.state not in jobs.LIVE:
        return
    if job.state == "cancelling":
        shards.drop_queued(session, job_id, state="cancelled")
    if shards.has_open(session, job_id):
        return
    if job.state == "cancelling":
        jobs.end_job(session, job_id, state="cancelled")
    elif shards.has_kind(session, job_id, job.final_kind):
        return
    elif end is not None:
        end(session, job)
    else:
        queue = str(job.work.get("final_queue", CPU_QUEUE))
        kept = job.work.get(KEPT, {})
        turn = shards.SOONEST if job.final_kind in QUICK_ENDS else None
        shards.add_shard(session, job_id, job.final_kind, arguments=kept, queue=queue, turn=turn)


def cancel(session: Session, job_id: str) -> JobRecord:
    """Ask a job to stop: at once if nothing runs, else when its running shards end."""
    job = jobs.lock_job(session, job_id) or require(session, job_id)
    if job.state not in jobs.LIVE:
        raise ConflictError(
            f"job {job_id} has ended ({job.state}); only a queued or running job can be cancelled",
            code="job_ended",
        )
    jobs.cancel_job(session, job_id)
    settle(session, job_id)
    return require(session, job_id)


def require(session: Session, job_id: str) -> JobRecord:
    """A job by id, or `NotFoundError`."""
    job = jobs.get_job(session, job_id)
    if job is None:
        raise unknown("job", job_id, [])
    return job


def enter_phase(session: Session, job: JobRecord, phase: str) -> None:
    """Note that a job has reached a phase, the first time one of its shards does."""
    if phase == job.phase or any(step["phase"] == phase for step in job.steps):
        return
    step = {"phase": phase, "started_at": datetime.now(UTC).isoformat()}
    jobs.set_phase(session, job.id, phase, steps=[*job.steps, step])


def reason_of(error: Exception) -> tuple[str, str]:
    """Code and sentence for an exception that ended an attempt.

    Of a fault of ours no more than its kind: what it says may name files and addresses.
    """
    if isinstance(error, ZooError):
        return error.code, error.detail
    kind = type(error).__name__
    return "internal_error", f"something went wrong in a worker ({kind}); its log has the job's id"


def _close(session: Session, claimed: Claim, *, state: str) -> None:
    features.release_forwards(session, [claimed.shard.id])
    if not shards.close_shard(session, claimed.shard.id, token=claimed.shard.token, state=state):
        raise ClaimLostError(f"shard {claimed.shard.id} was given to somebody else or cancelled")


def _end(session: Session, job_id: str, *, state: str, values: Mapping[str, Any]) -> None:
    job = jobs.lock_job(session, job_id)
    if job is not None and job.state == "cancelling" and state == "failed":
        state = "cancelled"
    jobs.end_job(session, job_id, state=state, values=values)
    shards.drop_queued(session, job_id, state="cancelled")


def count_inputs(session: Session, job_id: str) -> dict[str, int]:
    """An ingest's result: how many files were embedded, reused and failed.

    Of a source also how many of the reused ones are unchanged and were left alone, and how many
    items were removed, as their files are gone.
    """
    counts = inputs.count_states(session, job_id)
    result = {state: counts.get(state, 0) for state in ("embedded", "reused", "failed")}
    looks = shards.arguments_of(session, job_id, "scan")
    archives = shards.arguments_of(session, job_id, "expand")
    unchanged = sum(one.get("unchanged", 0) for one in (*looks, *archives))
    if not looks and not unchanged:
        return result
    ends = [
        one for kind in ("index", "seal") for one in shards.arguments_of(session, job_id, kind)
    ]
    result["unchanged"] = unchanged
    result["removed"] = sum(end.get("removed", 0) for end in ends)
    result["reused"] += unchanged
    return result
