"""The tables of the registry and of what is searched and trained on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import BigInteger, Integer, TypeDecorator

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

BigId = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key that SQLite still recognises as its row id."""

GIVEN_ONCE = {"sqlite_autoincrement": True}
"""Of a table whose ids running jobs name: SQLite otherwise gives that of a deleted row again."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, stored without offset in UTC and read back with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """To the database."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """From the database."""
        return value.replace(tzinfo=UTC) if value else None


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)


class Table(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class Plugin(Table):
    """An entry point that gives backbones, as last described."""

    __tablename__ = "plugins"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    distribution: Mapped[str]
    version: Mapped[str]
    state: Mapped[str] = mapped_column(
        String(16)
    )  # pending | ready | unavailable | broken | disabled
    reason: Mapped[str] = mapped_column(default="")
    described_at: Mapped[datetime | None]


class Model(Table):
    """A name in the registry: a plugin's backbone with one weights tag, or a user's own."""

    __tablename__ = "models"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(16))  # backbone | tuned
    plugin: Mapped[str | None] = mapped_column(String(100), index=True)
    architecture: Mapped[str | None]
    weights_tag: Mapped[str | None]
    is_default: Mapped[bool] = mapped_column(default=False)  # what the name without a tag means
    card: Mapped[dict[str, Any]]
    detail: Mapped[dict[str, Any] | None]  # what needs the built network; filled on first request
    created_at: Mapped[datetime] = mapped_column(default=now)


class ModelVersion(Table):
    """An immutable version of a user's model: a head, and a network where that was tuned too."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("model_id", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    version: Mapped[int]
    backbone: Mapped[str]
    space_id: Mapped[str] = mapped_column(String(64))
    blob_key: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    labels: Mapped[list[Any]]
    lineage: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    # What its evaluation found: as long as it has classes, and so not read for lists.
    report: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    job_id: Mapped[str] = mapped_column(String(64), unique=True)
    weights_key: Mapped[str | None]  # the network of its own; a head alone has none of the four
    weights_sha256: Mapped[str | None] = mapped_column(String(64))
    weights_size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    detail: Mapped[dict[str, Any] | None]  # of that network, as of any backbone
    trained_on: Mapped[bytes | None] = mapped_column(deferred=True)  # its contents, packed
    archived_at: Mapped[datetime | None]  # put away: neither listed nor taken for the newest
    created_at: Mapped[datetime] = mapped_column(default=now)


class VersionNumber(Table):
    """The highest number that a name's versions ever had; it outlives them and their model."""

    __tablename__ = "version_numbers"
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    newest: Mapped[int]


class Alias(Table):
    """A movable name for one version of a model."""

    __tablename__ = "aliases"
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), primary_key=True)
    alias: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class AliasMove(Table):
    """One step in an alias's history; `to_version` is null when it was deleted."""

    __tablename__ = "alias_moves"
    __table_args__ = (Index(None, "model_id", "alias"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"))
    alias: Mapped[str] = mapped_column(String(100))
    from_version: Mapped[int | None]
    to_version: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class SpaceRow(Table):
    """A space that something was embedded in, and the backbone that embeds into it."""

    __tablename__ = "spaces"
    space_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str]
    dim: Mapped[int]
    description: Mapped[dict[str, Any]]
    seconds_per_item: Mapped[float | None]  # of one core, as measured of late
    created_at: Mapped[datetime] = mapped_column(default=now)


class Pack(Table):
    """A durable file that holds many originals one after the other."""

    __tablename__ = "packs"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Content(Table):
    """Original bytes, known by their sha256, and where in which pack they stand."""

    __tablename__ = "contents"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    pack_id: Mapped[int] = mapped_column(ForeignKey("packs.id"), index=True)
    offset: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int]
    width: Mapped[int | None]  # pixels, after EXIF orientation; null until decoded
    height: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Segment(Table):
    """A durable file of float32 vectors, one shard's work."""

    __tablename__ = "segments"
    id: Mapped[int] = mapped_column(primary_key=True)
    space_id: Mapped[str] = mapped_column(ForeignKey("spaces.space_id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    n_rows: Mapped[int]
    dim: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Feature(Table):
    """Where the one embedding of a content in a space stands."""

    __tablename__ = "features"
    space_id: Mapped[str] = mapped_column(ForeignKey("spaces.space_id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(
        ForeignKey("contents.sha256"), primary_key=True, index=True
    )
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id"), index=True)
    row: Mapped[int]


class Collection(Table):
    """A named set of items to search; `revision` grows with every change of its items."""

    __tablename__ = "collections"
    __table_args__ = GIVEN_ONCE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    model: Mapped[str]
    metric: Mapped[str] = mapped_column(String(8))
    revision: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Generation(Table):
    """A collection in one space, with the snapshot of its index if one was written."""

    __tablename__ = "generations"
    __table_args__ = (UniqueConstraint("collection_id", "number"), GIVEN_ONCE)
    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    number: Mapped[int]
    space_id: Mapped[str] = mapped_column(ForeignKey("spaces.space_id"))
    is_current: Mapped[bool]
    index_key: Mapped[str | None]
    index_sha256: Mapped[str | None] = mapped_column(String(64))
    index_revision: Mapped[int | None]  # the collection's revision that the snapshot holds
    index_rows: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Item(Table):
    """A content in a collection; a deleted item stays as a tombstone with its revision."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("collection_id", "item_id"),
        Index(None, "collection_id", "revision"),
        Index(None, "collection_id", "is_deleted", "pk"),  # for listing and for counting
    )
    pk: Mapped[int] = mapped_column(BigId, primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    item_id: Mapped[str] = mapped_column(String(128))
    name: Mapped[str]
    label: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column("metadata")
    sha256: Mapped[str | None] = mapped_column(  # null of a tombstone that gave its content up
        ForeignKey("contents.sha256"), index=True
    )
    revision: Mapped[int]
    is_deleted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Dataset(Table):
    """A named set of labelled items for training."""

    __tablename__ = "datasets"
    __table_args__ = GIVEN_ONCE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str | None] = mapped_column(String(8))  # image | text; null until one is in
    revision: Mapped[int] = mapped_column(default=0)  # grows with every change of its items
    created_at: Mapped[datetime] = mapped_column(default=now)


class DatasetItem(Table):
    """A labelled content; part of the dataset versions from `added_in` on, before `removed_in`."""

    __tablename__ = "dataset_items"
    __table_args__ = (
        Index(  # an id stands for one example at a time
            "uq_dataset_items_held",
            "dataset_id",
            "item_id",
            unique=True,
            sqlite_where=text("removed_in IS NULL"),
            postgresql_where=text("removed_in IS NULL"),
        ),
        Index(None, "dataset_id", "item_id"),
        Index(None, "dataset_id", "pk"),  # for listing
        Index(  # this and the next one for counting changes
            "ix_dataset_items_unsealed",
            "dataset_id",
            "added_in",
            "item_id",
            sqlite_where=text("added_in IS NULL"),
            postgresql_where=text("added_in IS NULL"),
        ),
        Index(
            "ix_dataset_items_removed",
            "dataset_id",
            "removed_in",
            "item_id",
            sqlite_where=text("removed_in IS NOT NULL"),
            postgresql_where=text("removed_in IS NOT NULL"),
        ),
    )
    pk: Mapped[int] = mapped_column(BigId, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    item_id: Mapped[str] = mapped_column(String(128))
    name: Mapped[str]
    label: Mapped[str]
    split: Mapped[str | None] = mapped_column(String(16))
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    sha256: Mapped[str] = mapped_column(ForeignKey("contents.sha256"), index=True)
    added_in: Mapped[int | None]  # null until the version that holds it is sealed
    removed_in: Mapped[int | None]  # the first version without it, sealed or to come


class DatasetVersion(Table):
    """An immutable state of a dataset."""

    __tablename__ = "dataset_versions"
    __table_args__ = (UniqueConstraint("dataset_id", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    n_items: Mapped[int]
    labels: Mapped[dict[str, Any]]  # label -> number of items
    job_id: Mapped[str | None] = mapped_column(String(64), unique=True)  # null if none sealed it
    created_at: Mapped[datetime] = mapped_column(default=now)


class ApiKey(Table):
    """A key that lets requests in until it is revoked; of its text only the digest is kept."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    scope: Mapped[str] = mapped_column(String(16))  # read | submit | admin
    digest: Mapped[str] = mapped_column(String(64))  # sha256 of the whole key
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
