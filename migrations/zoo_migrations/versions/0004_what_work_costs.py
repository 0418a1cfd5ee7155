"""Schema: what shards took, and what a content of a space is reckoned to take."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("shards", sa.Column("effort", sa.JSON(), nullable=True))
    op.add_column("spaces", sa.Column("seconds_per_item", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("spaces", "seconds_per_item")
    op.drop_column("shards", "effort")
