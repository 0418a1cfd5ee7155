"""Schema: the sources that files come from, and examples that are replaced or removed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


HELD = sa.text("removed_in IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("dataset_items") as batch_op:
        batch_op.add_column(sa.Column("removed_in", sa.Integer(), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_dataset_items_dataset_id_item_id"), type_="unique")
    op.create_index(
        "uq_dataset_items_held",
        "dataset_items",
        ["dataset_id", "item_id"],
        unique=True,
        sqlite_where=HELD,
        postgresql_where=HELD,
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("collection_id", sa.Integer(), nullable=True),
        sa.Column("dataset_id", sa.Integer(), nullable=True),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("scan", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_sources_collection_id_collections"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_sources_dataset_id_datasets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint(
            "collection_id", "location", name=op.f("uq_sources_collection_id_location")
        ),
        sa.UniqueConstraint("dataset_id", "location", name=op.f("uq_sources_dataset_id_location")),
    )
    op.create_table(
        "source_files",
        sa.Column("pk", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("archive", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("item_id", sa.String(length=128), nullable=False),
        sa.Column("scan", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["sources.id"],
            name=op.f("fk_source_files_source_id_sources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_source_files")),
        sa.UniqueConstraint("source_id", "name", name=op.f("uq_source_files_source_id_name")),
    )
    with op.batch_alter_table("source_files") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_source_files_source_id_source_files_scan"), ["source_id", "scan"]
        )
        batch_op.create_index(
            batch_op.f("ix_source_files_source_id_source_files_archive"), ["source_id", "archive"]
        )
        batch_op.create_index(batch_op.f("ix_source_files_sha256"), ["sha256"])


def downgrade() -> None:
    op.drop_table("source_files")
    op.drop_table("sources")
    op.execute("DELETE FROM dataset_items WHERE removed_in IS NOT NULL")
    op.drop_index("uq_dataset_items_held", "dataset_items")
    with op.batch_alter_table("dataset_items") as batch_op:
        batch_op.drop_column("removed_in")
        batch_op.create_unique_constraint(
            batch_op.f("uq_dataset_items_dataset_id_item_id"), ["dataset_id", "item_id"]
        )
