"""What keeper and workers do to shards, a step at a time."""

from sqlalchemy import update

from zoo.catalog import Catalog, wake_ups
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Outbox
from zoo.jobs.ledger import Claim, claim, fence, finish


def queued_shards(catalog: Catalog) -> list[int]:
    """The shards that are to be rung for now."""
    with catalog.read() as session:
        return [shard_id for _, shard_id, _ in wake_ups.take_due(session, 100)]


def announced(catalog: Catalog) -> list[int]:
    """The shards that messages are sent for, as the keeper does."""
    with catalog.write() as session:
        waiting = wake_ups.take_due(session, 100)
        wake_ups.clear(session, waiting)
    return [shard_id for _, shard_id, _ in waiting]


def take(catalog: Catalog, shard_id: int, worker_id: str = "w") -> Claim:
    """The claim that a message for a shard is good for."""
    claimed = claim(catalog, shard_id, worker_id=worker_id, pid=1)
    assert claimed is not None
    return claimed


def done(catalog: Catalog, claimed: Claim) -> None:
    """End a claimed shard well."""
    with catalog.write() as session:
        fence(session, claimed)
        finish(session, claimed)


def end_pauses(catalog: Catalog) -> None:
    """Have every shard that waits for its time rung for now."""
    with catalog.write() as session:
        session.execute(update(Outbox).values(due_at=now()))
