"""Schema: inputs counted with their job, items listed by an index, snapshots in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

STATES = ("queued", "embedded", "reused", "failed")
FORGET_SNAPSHOTS = sa.text(
    "UPDATE generations SET index_key = NULL, index_sha256 = NULL, index_revision = NULL, "
    "index_rows = NULL"
)
"""The other release's cannot be read; what they held is built again from the feature store."""


def upgrade() -> None:
    for state in STATES:
        column = sa.Column(f"n_{state}", sa.Integer(), nullable=False, server_default="0")
        op.add_column("jobs", column)
    jobs, inputs = sa.table("jobs", sa.column("id")), sa.table("job_inputs")
    for name in ("job_id", "state"):
        inputs.append_column(sa.column(name))
    for state in STATES:
        jobs.append_column(sa.column(f"n_{state}"))
        n = (
            sa.select(sa.func.count())
            .where(inputs.c.job_id == jobs.c.id, inputs.c.state == state)
            .scalar_subquery()
        )
        op.execute(jobs.update().values({f"n_{state}": n}))
    op.create_index(
        op.f("ix_items_collection_id_items_is_deleted_items_pk"),
        "items",
        ["collection_id", "is_deleted", "pk"],
    )
    op.drop_index(op.f("ix_job_inputs_job_id_job_inputs_state"), "job_inputs")
    op.create_index(
        op.f("ix_job_inputs_job_id_job_inputs_state_job_inputs_position"),
        "job_inputs",
        ["job_id", "state", "position"],
    )
    op.execute(FORGET_SNAPSHOTS)


def downgrade() -> None:
    op.execute(FORGET_SNAPSHOTS)
    op.drop_index(op.f("ix_job_inputs_job_id_job_inputs_state_job_inputs_position"), "job_inputs")
    op.create_index(
        op.f("ix_job_inputs_job_id_job_inputs_state"), "job_inputs", ["job_id", "state"]
    )
    op.drop_index(op.f("ix_items_collection_id_items_is_deleted_items_pk"), "items")
    for state in STATES:
        op.drop_column("jobs", f"n_{state}")
