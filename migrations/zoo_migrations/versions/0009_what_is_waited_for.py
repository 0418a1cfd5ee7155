"""Schema: how often a shard has waited for what does not answer, apart from its attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("shards", sa.Column("waits", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("shards") as batch_op:
        batch_op.drop_column("waits")
