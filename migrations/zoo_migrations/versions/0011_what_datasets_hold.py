"""Schema: metadata of examples, what a dataset holds, and versions that no job sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

BY_ID = "ix_dataset_items_dataset_id_dataset_items_item_id"
IN_ORDER = "ix_dataset_items_dataset_id_dataset_items_pk"


def upgrade() -> None:
    op.add_column(
        "dataset_items", sa.Column("metadata", sa.JSON(), nullable=False, server_default="{}")
    )
    op.create_index(BY_ID, "dataset_items", ["dataset_id", "item_id"])
    op.create_index(IN_ORDER, "dataset_items", ["dataset_id", "pk"])
    op.add_column("datasets", sa.Column("kind", sa.String(8)))
    op.execute(
        "UPDATE datasets SET kind = 'image' WHERE id IN (SELECT dataset_id FROM dataset_items)"
    )
    with op.batch_alter_table("dataset_versions") as batch_op:
        batch_op.alter_column("job_id", existing_type=sa.String(64), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM dataset_versions WHERE job_id IS NULL")
    with op.batch_alter_table("dataset_versions") as batch_op:
        batch_op.alter_column("job_id", existing_type=sa.String(64), nullable=False)
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.drop_column("kind")
    op.drop_index(IN_ORDER, "dataset_items")
    op.drop_index(BY_ID, "dataset_items")
    with op.batch_alter_table("dataset_items") as batch_op:
        batch_op.drop_column("metadata")
