"""Running one shard: claim it, do what its kind says, and answer for what goes wrong."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from functools import partial

import structlog

from zoo.devices import leave_lost_gpu
from zoo.errors import (
    ClaimLostError,
    InvalidError,
    NotFoundError,
    PluginError,
    UnavailableError,
    ZooError,
)
from zoo.faults import Point, reach
from zoo.inference.faulting import is_short
from zoo.jobs.giving import give_way
from zoo.jobs.ledger import Claim, claim, fail, fail_attempt, fence, postpone, reason_of
from zoo.jobs.patience import Patience
from zoo.storage.blobs import is_full, out_of_room
from zoo_workers.context import Context
from zoo_workers.shortage import shortage
from zoo_workers.stopping import GivenWayError

KINDS = {
    "scan": "zoo_workers.scan",
    "expand": "zoo_workers.expand",
    "resume": "zoo_workers.resume",
    "gather": "zoo_workers.gather",
    "embed": "zoo_workers.embed",
    "index": "zoo_workers.index",
    "check": "zoo_workers.check",
    "seal": "zoo_workers.seal",
    "plan": "zoo_workers.plan",
    "train": "zoo_workers.train",
    "enlist": "zoo_workers.enlist",
    "extract": "zoo_workers.extract",
    "collate": "zoo_workers.collate",
    "describe": "zoo_workers.describe",
    "refresh": "zoo_workers.refresh",
}
"""Kinds load by name in the process that runs them, so that no parent imports torch."""

HOPELESS = (PluginError, InvalidError, NotFoundError)
"""What another attempt would not change: the model, the input or a name is at fault."""

PAUSE_S = 1.0

log = structlog.get_logger()


def run(context: Context, shard_id: int) -> None:
    """Do a shard if it can be claimed; never raises for what the shard itself does wrong."""
    try:
        claimed = claim(context.catalog, shard_id, worker_id=context.worker_id, pid=os.getpid())
    except UnavailableError as error:
        log.warning("claim_dropped", shard=shard_id, detail=error.detail)  # it is rung for again
        return
    if claimed is None:
        return
    with structlog.contextvars.bound_contextvars(**_names_of(claimed)):
        _attempt(context, claimed)


def _attempt(context: Context, claimed: Claim) -> None:
    context.watchdog.feed()
    try:
        reach(context.settings, Point.SHARD_CLAIMED)
        _work(claimed.shard.kind)(context, claimed)
        log.info("shard_done", kind=claimed.shard.kind)
        reach(context.settings, Point.SHARD_DONE)
    except ClaimLostError as error:
        log.info("claim_lost", detail=error.detail)
    except GivenWayError:
        context.watchdog.rest()
        log.info("gave_way")
        _answer(context, claimed, partial(_give_way, context, claimed))
    except HOPELESS as error:
        context.watchdog.rest()  # however long the database is away
        _answer(context, claimed, partial(_end, context, claimed, error))
    except Exception as error:
        context.watchdog.rest()
        shard = claimed.shard
        log.exception("attempt_failed", attempt=shard.attempt + 1, waits=shard.waits)
        _answer(context, claimed, partial(_count, context, claimed, error))
        leave_lost_gpu(error)
    finally:
        context.watchdog.rest()


def _names_of(claimed: Claim) -> dict[str, str | int]:
    """What every line of the log names that comes of a shard."""
    names: dict[str, str | int] = {"job_id": claimed.job.id, "shard": claimed.shard.id}
    request_id = claimed.job.request_id
    return names if request_id is None else {**names, "request_id": request_id}


def _work(kind: str) -> Callable[[Context, Claim], None]:
    work: Callable[[Context, Claim], None] = importlib.import_module(KINDS[kind]).run
    return work


def _answer(context: Context, claimed: Claim, write: Callable[[], None]) -> None:
    """Write how an attempt ended, or that this could not be written as it was."""
    try:
        _insist(write)
    except Exception as error:
        log.exception("end_unwritten")
        _insist(partial(_count, context, claimed, error))


def _insist(write: Callable[[], None]) -> None:
    """Write when the database answers again: a claim left by a living process is never freed."""
    while True:
        try:
            write()
            return
        except ClaimLostError as error:
            log.info("claim_lost", detail=error.detail)
            return
        except UnavailableError as error:
            log.warning("database_awaited", detail=error.detail)
            time.sleep(PAUSE_S)


def _end(context: Context, claimed: Claim, error: ZooError) -> None:
    log.warning("job_failed", code=error.code, detail=error.detail)
    with context.catalog.write() as session:
        fence(session, claimed)
        fail(session, claimed, code=error.code, detail=error.detail, result=None)


def _give_way(context: Context, claimed: Claim) -> None:
    give_way(context.catalog, claimed, pause_s=context.settings.checkpoint_every_s / 2)


def _named(error: Exception) -> Exception:
    """What an error of no class of ours means, where that can be told."""
    if isinstance(error, OSError) and is_full(error):
        return out_of_room("what this job makes", error)
    return shortage() if is_short(error) else error


def _count(context: Context, claimed: Claim, error: Exception) -> None:
    error = _named(error)
    code, detail = reason_of(error)
    catalog, attempts = context.catalog, context.settings.attempts
    if isinstance(error, UnavailableError):  # not the shard's fault: no attempt counts
        patience = Patience(wait_s=context.settings.unavailable_wait_s, least=attempts - 1)
        postpone(catalog, claimed.shard, code=code, detail=detail, patience=patience)
        return
    fail_attempt(catalog, claimed.shard, code=code, detail=detail, attempts=attempts)
