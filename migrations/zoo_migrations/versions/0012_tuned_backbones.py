"""Schema: versions with a network of their own, versions put away, numbers never given again."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    with op.batch_alter_table("versions") as batch_op:
        batch_op.add_column(sa.Column("weights_key", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("weights_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("weights_size_bytes", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("detail", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("archived_at", sa.DateTime(), nullable=True))
    op.create_table(
        "version_numbers",
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_version_numbers")),
    )
    op.execute(
        "INSERT INTO version_numbers (model, newest) SELECT models.name, MAX(versions.version) "
        "FROM versions JOIN models ON models.id = versions.model_id GROUP BY models.name"
    )


def downgrade() -> None:
    op.drop_table("version_numbers")
    with op.batch_alter_table("versions") as batch_op:
        batch_op.drop_column("archived_at")
        batch_op.drop_column("detail")
        batch_op.drop_column("weights_size_bytes")
        batch_op.drop_column("weights_sha256")
        batch_op.drop_column("weights_key")
