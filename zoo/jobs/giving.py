"""Giving way: a shard that takes hours lets other jobs have its process now and then."""

from __future__ import annotations

from zoo.catalog import Catalog, Session, features, shards
from zoo.jobs.ledger import Claim, fence, requeue_as_it_stands, settle

WAITED_S = 2.0
"""How long a shard waits that no process takes: one that is free takes it within moments."""
LONGEST_PAUSE_S = 15.0
"""How long the process is left to others at most: who has waited may need it for a moment only."""


def is_in_the_way(catalog: Catalog, claimed: Claim) -> bool:
    """Whether other jobs wait, and all processes of the queue do work of this shard's kind."""
    with catalog.read() as session:
        return shards.is_held_up(session, claimed.shard, waited_s=WAITED_S)


def give_way(catalog: Catalog, claimed: Claim, *, pause_s: float) -> None:
    """Put a claimed shard back; after a pause, a bounded one, its turn is after those that wait.

    It counts no attempt. Raises `ClaimLostError` if the claim was lost.
    """

    def put_back(session: Session) -> None:
        fence(session, claimed)
        shard = claimed.shard
        features.release_forwards(session, [shard.id])
        requeue_as_it_stands(
            session,
            shard,
            delay_s=min(pause_s, LONGEST_PAUSE_S),
            turn=shards.next_turn(session, shard.job_id, shard.queue),
        )
        settle(session, shard.job_id)

    catalog.transact(put_back)
