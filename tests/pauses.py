"""The pauses before further attempts, which tests do not wait for."""

from sqlalchemy import update

from zoo.catalog import Catalog
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Outbox


def end_pauses(catalog: Catalog) -> None:
    """Have every shard that waits for its time rung for now."""
    with catalog.write() as session:
        session.execute(update(Outbox).values(due_at=now()))
