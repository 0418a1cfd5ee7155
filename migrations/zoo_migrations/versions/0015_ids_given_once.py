"""Schema: SQLite gives no id again that a running job may still name, as PostgreSQL never does."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

NAMED_BY = {
    "collections": ("collection_id", "from_collection_id"),
    "datasets": ("dataset_id",),
    "generations": (),
    "sources": ("source_id",),
}
"""The tables, and under which names the work of jobs has their ids."""


def upgrade() -> None:
    _make_anew(is_once=True)
    if op.get_bind().dialect.name == "sqlite":
        for table, members in NAMED_BY.items():
            _begin_after(table, members)


def downgrade() -> None:
    _make_anew(is_once=False)


def _make_anew(*, is_once: bool) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    if connection.scalar(sa.text("PRAGMA foreign_keys")):
        raise RuntimeError("foreign keys are enforced: what refers to these tables would be lost")
    for table in NAMED_BY:
        with op.batch_alter_table(
            table, recreate="always", table_kwargs={"sqlite_autoincrement": is_once}
        ):
            pass


def _begin_after(table: str, members: tuple[str, ...]) -> None:
    """Count on from the highest id that a row has, or that a job has of a row that is gone."""
    rows = sa.table(table, sa.column("id", sa.Integer()))
    jobs = sa.table("jobs", sa.column("work", sa.JSON()))
    given = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
    highest = [rows.c.id, *(jobs.c.work[member].as_integer() for member in members)]
    connection = op.get_bind()
    known = [connection.scalar(sa.select(sa.func.max(one))) or 0 for one in highest]
    op.execute(given.delete().where(given.c.name == table))
    op.execute(given.insert().values(name=table, seq=max(known)))
