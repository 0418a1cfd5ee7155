"""Schema: what has changed of a dataset since its newest version; what a network was trained on."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

UNSEALED = sa.text("added_in IS NULL")
REMOVED = sa.text("removed_in IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_dataset_items_unsealed",
        "dataset_items",
        ["dataset_id", "added_in", "item_id"],
        sqlite_where=UNSEALED,
        postgresql_where=UNSEALED,
    )
    op.create_index(
        "ix_dataset_items_removed",
        "dataset_items",
        ["dataset_id", "removed_in", "item_id"],
        sqlite_where=REMOVED,
        postgresql_where=REMOVED,
    )
    op.add_column(
        "datasets", sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("versions", sa.Column("trained_on", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("versions") as batch_op:
        batch_op.drop_column("trained_on")
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.drop_column("revision")
    op.drop_index("ix_dataset_items_removed", "dataset_items")
    op.drop_index("ix_dataset_items_unsealed", "dataset_items")
