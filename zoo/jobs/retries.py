"""Trying an ended job again: a new one for what it left undone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoo.catalog import Session, inputs, jobs, shards
from zoo.catalog.records import JobRecord, Json
from zoo.errors import ConflictError, NotFoundError
from zoo.jobs.intake import add_inputs, is_whole_look, submit_source
from zoo.jobs.ledger import FIRST_PHASE, KEPT, require, settle
from zoo.jobs.specs import read_ingest
from zoo.jobs.targets import check_targets
from zoo.logs import current_request
from zoo.names import new_id
from zoo.registry.models import is_own, resolve_version
from zoo.registry.retiring import hold_version
from zoo.settings import Settings
from zoo.space import split_precision

RESUMED = ("expand", "plan", "enlist", "gather", "resume")
"""Kinds of shards that give a job its inputs, and that a retry goes on with."""
INPUTS_A_WRITE = 2000
"""What one transaction takes over; of more, a first shard takes the rest."""


def retry(session: Session, job_id: str, settings: Settings) -> JobRecord:
    """A new job for what an ended one left undone: failed or unreached inputs, or all of it."""
    # Held, as what it had come to has one owner: of two that ask at once one is the first.
    old = jobs.lock_job(session, job_id) or require(session, job_id)
    if old.state in jobs.LIVE:
        raise ConflictError(f"job {job_id} is {old.state}; wait for its end", code="job_not_ended")
    _check_targets(session, old)
    _hold_model(session, old)
    if not is_whole_look(shards.arguments_of(session, old.id, "scan")):
        # From the start: what is in already is told by a look, and what has gone by a whole one.
        spec = read_ingest(old.spec)
        return submit_source(session, spec, work=old.work, parent_job_id=old.id)
    if old.state == "succeeded" and not inputs.undone_inputs(session, old.id, after=-1, limit=1):
        raise ConflictError(
            f"job {job_id} succeeded and has no failed input to try again",
            code="nothing_to_retry",
        )
    job = jobs.add_job(session, new_id("job"), values=_repeated(session, old))
    for kind, arguments in shards.unfinished(session, old.id, kinds=RESUMED):
        ours = {name: one for name, one in arguments.items() if name != "unchanged"}
        shards.add_shard(session, job.id, kind, arguments=ours)
    rest = take_over(session, job, old.id, after=-1, settings=settings)
    if rest is not None:
        shards.add_shard(session, job.id, "resume", arguments={"job": old.id, "after": rest})
    settle(session, job.id)
    return job


def take_over(
    session: Session, job: JobRecord, ended: str, *, after: int, settings: Settings
) -> int | None:
    """Give a job a portion of the inputs that another, which has ended, left undone.

    Those after a position; returns the one after which there are more, None if there are not.
    """
    left = inputs.undone_inputs(session, ended, after=after, limit=INPUTS_A_WRITE)
    first = inputs.next_position(session, job.id)
    given = [
        replace(one, position=position, state="queued", error_code=None, error_detail=None)
        for position, one in enumerate(left, start=first)
    ]
    add_inputs(session, job, given, settings=settings)
    return left[-1].position if len(left) == INPUTS_A_WRITE else None


def _check_targets(session: Session, old: JobRecord) -> None:
    try:
        check_targets(session, old)
    except NotFoundError as error:
        raise ConflictError(error.detail, code=error.code) from error


def _hold_model(session: Session, old: JobRecord) -> None:
    """Keep the user's own version that the work is done with: no job that has ended did so."""
    name, _ = split_precision(str(old.work.get("model", "")))
    if not is_own(name):
        return
    try:
        hold_version(session, resolve_version(session, name))
    except NotFoundError as error:
        raise ConflictError(
            f"model {name!r} was deleted before the job was done with it", code="model_deleted"
        ) from error


def _repeated(session: Session, old: JobRecord) -> dict[str, Any]:
    return {
        "type": old.type,
        "spec": dict(old.spec),
        "work": {**old.work, **_kept(session, old)},
        "final_kind": old.final_kind,
        "is_internal": old.is_internal,
        "phase": FIRST_PHASE[old.type],
        "parent_job_id": old.id,
        "request_id": current_request(),
    }


def _kept(session: Session, old: JobRecord) -> Json:
    """What training had come to; nothing where pictures were lost: they may be back.

    Where the job itself went on from another and ended before its training began, that has it.
    """
    if old.type != "fine_tune":
        return {}
    left = jobs.take_from_work(session, old, KEPT)  # which its training may have gone on from
    if shards.has_kind(session, old.id, "train"):
        left = shards.take_arguments(session, old.id, "train")
    return {KEPT: {} if "lost" in left else left}
