"""Schema: what a file of a source held before, which its item may still stand for."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("source_files", sa.Column("before_sha256", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("source_files", "before_sha256")
