"""Schema: shards take turns, so that a small job need not wait for all of a large one."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

WAITING = sa.text("state = 'queued'")


def upgrade() -> None:
    turn = sa.Column("turn", sa.Integer(), nullable=False, server_default="0")
    op.add_column("shards", turn)
    op.drop_index(op.f("ix_shards_job_id_shards_state"), "shards")
    op.create_index(
        op.f("ix_shards_job_id_shards_state_shards_id"), "shards", ["job_id", "state", "id"]
    )
    op.create_index(
        "ix_shards_waiting",
        "shards",
        ["queue", "turn", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def downgrade() -> None:
    op.drop_index("ix_shards_waiting", "shards")
    op.drop_index(op.f("ix_shards_job_id_shards_state_shards_id"), "shards")
    op.create_index(op.f("ix_shards_job_id_shards_state"), "shards", ["job_id", "state"])
    op.drop_column("shards", "turn")
