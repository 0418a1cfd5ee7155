"""The first shard of a retry of much: what the job before it left undone, given to shards."""

from __future__ import annotations

from zoo.catalog import shards
from zoo.jobs.ledger import Claim, fence, finish
from zoo.jobs.retries import take_over
from zoo.jobs.targets import check_targets
from zoo_workers.context import Context


def run(context: Context, claim: Claim) -> None:
    """Take all of it over, a portion at a time; a new attempt goes on after the last of them.

    Raises `NotFoundError` if what the job is about was deleted.
    """
    after: int | None = claim.arguments["after"]
    while after is not None:
        after = _take(context, claim, after=after)
        context.watchdog.feed()


def _take(context: Context, claim: Claim, *, after: int) -> int | None:
    """Take a portion over; returns where to go on, None once there is no more."""
    ended: str = claim.arguments["job"]
    with context.catalog.write() as session:
        fence(session, claim)
        check_targets(session, claim.job)
        rest = take_over(session, claim.job, ended, after=after, settings=context.settings)
        if rest is None:
            finish(session, claim)
        else:
            shards.set_arguments(session, claim.shard.id, {"job": ended, "after": rest})
    return rest
