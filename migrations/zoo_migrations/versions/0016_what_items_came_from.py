"""Schema: what a file of a source held before, and which files in archives have an item's id."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

MEMBERS = "ix_source_files_members"
IN_ARCHIVES = sa.text("archive <> ''")


def upgrade() -> None:
    op.add_column("source_files", sa.Column("before_sha256", sa.String(64), nullable=True))
    op.create_index(
        MEMBERS,
        "source_files",
        ["source_id", "item_id"],
        sqlite_where=IN_ARCHIVES,
        postgresql_where=IN_ARCHIVES,
    )


def downgrade() -> None:
    op.drop_index(MEMBERS, "source_files")
    op.drop_column("source_files", "before_sha256")
