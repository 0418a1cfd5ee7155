"""Schema: tombstones that name no content any more, and indexes that deleting needs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("items") as batch_op:
        batch_op.alter_column("sha256", existing_type=sa.String(64), nullable=True)
    op.create_index("ix_features_sha256", "features", ["sha256"])
    op.create_index("ix_idempotency_keys_job_id", "idempotency_keys", ["job_id"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_job_id", "idempotency_keys")
    op.drop_index("ix_features_sha256", "features")
    op.execute("DELETE FROM items WHERE sha256 IS NULL")
    with op.batch_alter_table("items") as batch_op:
        batch_op.alter_column("sha256", existing_type=sa.String(64), nullable=False)
