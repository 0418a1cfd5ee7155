"""Questions that only a check of the whole catalog asks."""

from __future__ import annotations

import math

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from zoo.catalog.deleted import is_kept
from zoo.catalog.jobs import LIVE
from zoo.catalog.tables import Collection, Feature, Generation, Item, Segment
from zoo.catalog.work_tables import Job, JobInput
from zoo.errors import UnavailableError

SCHEMA = "0016"
"""The revision of the schema that this release reads and writes."""


def check_schema(session: Session) -> None:
    """Raise `UnavailableError` unless the database has this release's schema."""
    found = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found != SCHEMA:
        raise UnavailableError(
            f"the database has schema {found!r}, this release needs {SCHEMA!r}; run `zoo migrate`",
            code="wrong_schema",
        )


def take_time(session: Session) -> None:
    """Lift the limit on how long a statement of this transaction may take."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL statement_timeout = 0"))
        connection = session.connection().connection.dbapi_connection
        connection.patience_s = math.inf  # type: ignore[union-attr]  # ours, see patient.py


def integrity_problems(session: Session) -> list[str]:
    """What the database itself finds wrong with its file; PostgreSQL looks after its own."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    rows = session.execute(text("PRAGMA integrity_check")).scalars()
    return [str(row) for row in rows if row != "ok"]


def items_without_vector(session: Session) -> list[tuple[str, str]]:
    """Collection and id of items whose content has no embedding in the collection's space.

    Those that a job is about to embed are no fault.
    """
    has_vector = (
        select(Feature.sha256)
        .where(Feature.sha256 == Item.sha256, Feature.space_id == Generation.space_id)
        .exists()
    )
    waits = (
        select(JobInput.pk)
        .join(Job, Job.id == JobInput.job_id)
        .where(JobInput.item_id == Item.item_id, JobInput.sha256 == Item.sha256)
        .where(JobInput.state == "queued", Job.state.in_(LIVE))
        .exists()
    )
    rows = session.execute(
        select(Collection.name, Item.item_id)
        .join(Item, Item.collection_id == Collection.id)
        .join(Generation, Generation.collection_id == Collection.id)
        .where(Generation.is_current.is_(True), Item.is_deleted.is_(False), ~has_vector)
        .where(~waits)
    )
    return [(first, second) for first, second in rows]


def items_in_segment(session: Session, key: str, *, limit: int) -> list[tuple[str, str]]:
    """Collection and id of some items whose embedding stands in a segment."""
    rows = session.execute(
        select(Collection.name, Item.item_id)
        .join(Item, Item.collection_id == Collection.id)
        .join(Generation, Generation.collection_id == Collection.id)
        .join(Feature, Feature.sha256 == Item.sha256)
        .join(Segment, Segment.id == Feature.segment_id)
        .where(Segment.key == key, Feature.space_id == Generation.space_id)
        .where(Generation.is_current.is_(True), Item.is_deleted.is_(False))
        .order_by(Item.pk)
        .limit(limit)
    )
    return [(first, second) for first, second in rows]


def items_of_content(session: Session, sha256: str, *, limit: int) -> list[tuple[str, str]]:
    """Collection and id of some items of a content."""
    rows = session.execute(
        select(Collection.name, Item.item_id)
        .join(Item, Item.collection_id == Collection.id)
        .where(Item.sha256 == sha256, Item.is_deleted.is_(False), is_kept(Collection))
        .order_by(Item.pk)
        .limit(limit)
    )
    return [(first, second) for first, second in rows]


def features_beyond_segment(session: Session) -> list[tuple[str, str]]:
    """Segment and content of feature rows that point past the end of their segment."""
    rows = session.execute(
        select(Segment.key, Feature.sha256)
        .join(Segment, Segment.id == Feature.segment_id)
        .where(Feature.row >= Segment.n_rows)
    )
    return [(first, second) for first, second in rows]


def extracted_files(session: Session) -> list[tuple[str, str]]:
    """Key and sha256 of the files of all extract jobs that have succeeded."""
    results = session.scalars(
        select(Job.result).where(Job.type == "extract", Job.state == "succeeded")
    )
    return [(file["key"], file["sha256"]) for result in results for file in result["files"]]
