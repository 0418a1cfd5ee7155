"""Before a shard embeds: what it has to forward itself, and what it leaves to other shards."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from zoo.catalog import Session, contents, features, inputs, shards
from zoo.catalog.records import ContentRecord, InputRecord
from zoo.jobs.ledger import Claim, fence
from zoo.settings import CPU_QUEUE, Settings
from zoo_workers.context import Context

FEWEST_SHARED = 8
"""Contents below which a shard is not shared out: smaller batches cost more a picture."""
LEAST_SHARED_S = 0.3
"""What a shard takes at least that is shared out: a shard of its own costs some 0.02 s."""


@dataclass(frozen=True, kw_only=True)
class Todo:
    """A shard's inputs, and which of their contents it has to forward itself."""

    inputs: Sequence[InputRecord]
    contents: Sequence[ContentRecord]
    gone: frozenset[str]  # not stored any more
    known: frozenset[str]  # already in the feature store
    busy: frozenset[str]  # being forwarded by another shard


def reserve(context: Context, claim: Claim) -> Todo:
    """What a claimed shard has to do; nobody else forwards it until the shard has ended."""
    space_id = claim.job.work["space_id"]
    with context.catalog.write() as session:
        fence(session, claim)
        queued = inputs.queued_inputs(session, claim.shard.id)
        known = features.locate(session, space_id=space_id, sha256s=_sha256s(queued))
        given = _share_out(session, claim, queued, known=known, settings=context.settings)
        wanted = _sha256s(given)
        mine = features.reserve_forwards(
            session,
            space_id=space_id,
            shard_id=claim.shard.id,
            sha256s=wanted - known.keys(),
        )
        # What another shard finished between the two statements above is known by now.
        known |= features.locate(session, space_id=space_id, sha256s=mine)
        mine -= known.keys()
        found = contents.get_contents(session, mine)
    return Todo(
        inputs=given,
        contents=[found[sha256] for sha256 in sorted(found)],
        gone=frozenset(mine - found.keys()),
        known=frozenset(known),
        busy=frozenset(wanted - known.keys() - mine),
    )


def _sha256s(given: Sequence[InputRecord]) -> frozenset[str]:
    return frozenset(str(one.sha256) for one in given)


def _share_out(
    session: Session,
    claim: Claim,
    queued: Sequence[InputRecord],
    *,
    known: Container[str],
    settings: Settings,
) -> Sequence[InputRecord]:
    """The inputs to do now; near the end of all work half of them become another shard.

    Whoever is done next takes that, and shares it out again: so all cores end at about the same
    time, whatever the shards were reckoned to take.
    """
    todo = list(dict.fromkeys(str(one.sha256) for one in queued if str(one.sha256) not in known))
    if not _is_shared(session, claim, len(todo), settings=settings):
        return queued
    theirs = frozenset(todo[(len(todo) + 1) // 2 :])
    later = shards.add_shard(session, claim.job.id, "embed", arguments={}, queue=claim.shard.queue)
    moved = (one.pk for one in queued if one.sha256 in theirs)
    inputs.move_inputs(session, moved, shard_id=later)
    return [one for one in queued if one.sha256 not in theirs]


def _is_shared(session: Session, claim: Claim, n: int, *, settings: Settings) -> bool:
    """Whether `n` contents keep one core at work while another will have nothing to do."""
    others = settings.cores - 1
    is_first_try = claim.shard.attempt == claim.shard.waits == 0
    if not others or n < FEWEST_SHARED or claim.shard.queue != CPU_QUEUE or not is_first_try:
        return False
    seconds = features.seconds_per_item(session, claim.job.work["space_id"])
    if seconds is None or n * seconds < LEAST_SHARED_S:
        return False
    return shards.count_queued(session, CPU_QUEUE, most=others) < others
