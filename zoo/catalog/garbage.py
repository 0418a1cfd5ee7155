"""What no row needs any more: contents, tombstones, and the files that rows have left behind.

A content is needed while an item, an example of a dataset, or an input of a job names it: of a
live job any, of an ended one those that may be tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVarTuple

from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from zoo.catalog.contents import REFERENCES
from zoo.catalog.features import add_segment
from zoo.catalog.jobs import LIVE
from zoo.catalog.records import ContentRecord, SegmentRecord
from zoo.catalog.rows import as_record, changed, chunks
from zoo.catalog.tables import (
    Content,
    DatasetItem,
    Feature,
    Item,
    Pack,
    Segment,
)
from zoo.catalog.work_tables import Job, JobInput, SourceFile

Columns = TypeVarTuple("Columns")

UNDONE = ("queued", "failed")


@dataclass(frozen=True, kw_only=True)
class UnnamedContent:
    """A content that nothing needs."""

    sha256: str
    pack_id: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class PackLoad:
    """A pack of the store, and how much of it contents still stand on."""

    id: int
    key: str
    size_bytes: int
    live_bytes: int


@dataclass(frozen=True, kw_only=True)
class SegmentLoad:
    """A segment, and how many of its rows are somebody's embedding."""

    segment: SegmentRecord
    live_rows: int


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """Where a content's embedding stands."""

    sha256: str
    segment_id: int
    row: int


def unnamed_contents(
    session: Session, *, after: str, limit: int, retry_from: datetime
) -> list[UnnamedContent]:
    """Contents that nothing needs, in order of their sha256, after one.

    What jobs left undone that ended after `retry_from` may be asked for again.
    """
    later = select(Content.sha256, Content.pack_id, Content.size_bytes).where(
        Content.sha256 > after
    )
    rows = session.execute(_unnamed(later, retry_from).order_by(Content.sha256).limit(limit))
    return [UnnamedContent(sha256=sha, pack_id=pack, size_bytes=size) for sha, pack, size in rows]


def drop_contents(session: Session, sha256s: Sequence[str], *, retry_from: datetime) -> int:
    """Delete those of the contents that nothing needs at this moment, with their embeddings.

    Held first, looked at then: whoever names one of them waits, and is told that it is gone.
    """
    n_deleted = 0
    for chunk in chunks(sorted(sha256s)):
        mine = Content.sha256.in_(chunk)
        held = list(
            session.scalars(select(Content.sha256).where(mine).with_for_update(skip_locked=True))
        )
        ours = select(Content.sha256).where(Content.sha256.in_(held))
        gone = list(session.scalars(_unnamed(ours, retry_from)))
        tombstones = update(Item).where(Item.sha256.in_(gone), Item.is_deleted.is_(True))
        session.execute(tombstones.values(sha256=None))
        session.execute(delete(Feature).where(Feature.sha256.in_(gone)))
        n_deleted += changed(session, delete(Content).where(Content.sha256.in_(gone)))
    return n_deleted


def dead_rows(session: Session, sha256s: Sequence[str]) -> dict[int, int]:
    """How many rows of each segment are embeddings of these contents."""
    counts: dict[int, int] = {}
    for chunk in chunks(sha256s):
        rows = session.execute(
            select(Feature.segment_id, func.count())
            .where(Feature.sha256.in_(chunk))
            .group_by(Feature.segment_id)
        )
        for segment_id, n in rows:
            counts[segment_id] = counts.get(segment_id, 0) + n
    return counts


def tombstones(session: Session, *, after: int, limit: int) -> list[int]:
    """Deleted items that still tell what they were, by primary key, after one."""
    rows = session.scalars(
        select(Item.pk)
        .where(Item.pk > after, Item.is_deleted.is_(True))
        .where(or_(Item.sha256.is_not(None), Item.name != ""))
        .order_by(Item.pk)
        .limit(limit)
    )
    return list(rows)


def empty_tombstones(session: Session, pks: Iterable[int]) -> int:
    """Have deleted items forget what they were; that they were is what indexes still ask."""
    nothing: dict[str, object] = {"sha256": None, "name": "", "label": None, "meta": {}}
    emptied = 0
    for chunk in chunks(pks):
        mine = (Item.pk.in_(chunk), Item.is_deleted.is_(True))
        emptied += changed(session, update(Item).where(*mine).values(nothing))
    return emptied


def pack_loads(session: Session) -> list[PackLoad]:
    """Every pack of the store."""
    live = func.coalesce(func.sum(Content.size_bytes), 0)
    rows = session.execute(
        select(Pack.id, Pack.key, Pack.size_bytes, live)
        .join(Content, Content.pack_id == Pack.id, isouter=True)
        .where(Pack.key.not_like(REFERENCES))
        .group_by(Pack.id, Pack.key, Pack.size_bytes)
    )
    return [
        PackLoad(id=id_, key=key, size_bytes=size, live_bytes=int(live))
        for id_, key, size, live in rows
    ]


def contents_of(session: Session, pack: PackLoad) -> list[ContentRecord]:
    """What stands in a pack, in its order."""
    rows = session.scalars(
        select(Content).where(Content.pack_id == pack.id).order_by(Content.offset)
    )
    return [as_record(ContentRecord, row, pack_key=pack.key) for row in rows]


def move_contents(
    session: Session, pack: PackLoad, *, key: str, size_bytes: int, offsets: Mapping[str, int]
) -> int:
    """Let contents of a pack stand in a new, durable one, and drop the old; returns how many.

    Those that were deleted meanwhile stay so; of none the new pack is not registered either.
    """
    made = Pack(key=key, size_bytes=size_bytes)
    session.add(made)
    session.flush()
    n_moved = 0
    for sha256, offset in sorted(offsets.items()):
        mine = (Content.sha256 == sha256, Content.pack_id == pack.id)
        place = {"pack_id": made.id, "offset": offset}
        n_moved += changed(session, update(Content).where(*mine).values(place))
    drop_pack(session, pack.id if n_moved else made.id)
    return n_moved


def drop_pack(session: Session, pack_id: int) -> bool:
    """Delete a pack on which nothing stands; False if something does."""
    is_used = select(Content.sha256).where(Content.pack_id == Pack.id).exists()
    return changed(session, delete(Pack).where(Pack.id == pack_id, ~is_used)) > 0


def drop_references(session: Session) -> int:
    """Forget files by reference whose contents are gone, and which no source knows any more.

    What sources know is joined as a whole: no index leads from a reference to its file.
    """
    known = (
        select(SourceFile.reference).where(SourceFile.reference.is_not(None)).distinct().subquery()
    )
    is_used = select(Content.sha256).where(Content.pack_id == Pack.id).exists()
    left = (
        select(Pack.id)
        .outerjoin(known, known.c.reference == Pack.key)
        .where(Pack.key.like(REFERENCES), ~is_used, known.c.reference.is_(None))
    )
    return changed(session, delete(Pack).where(Pack.id.in_(left)))


def segment_loads(session: Session) -> list[SegmentLoad]:
    """Every segment."""
    rows = session.execute(
        select(Segment, func.count(Feature.sha256))
        .join(Feature, Feature.segment_id == Segment.id, isouter=True)
        .group_by(Segment.id)
        .order_by(Segment.id)
    )
    return [
        SegmentLoad(segment=as_record(SegmentRecord, row), live_rows=live) for row, live in rows
    ]


def embeddings_of(session: Session, segment_ids: Sequence[int]) -> list[Embedding]:
    """The embeddings that stand in these segments."""
    rows = session.scalars(
        select(Feature)
        .where(Feature.segment_id.in_(segment_ids))
        .order_by(Feature.segment_id, Feature.row)
    )
    return [as_record(Embedding, row) for row in rows]


def move_embeddings(session: Session, made: SegmentRecord, embeddings: Sequence[Embedding]) -> int:
    """Let row i of a new, durable segment be the i-th embedding from now on; returns how many.

    Those that were deleted or moved meanwhile are left as they are; of none nothing is registered.
    """
    segment_id = add_segment(
        session,
        space_id=made.space_id,
        key=made.key,
        sha256=made.sha256,
        n_rows=made.n_rows,
        dim=made.dim,
    )
    n_moved = 0
    for row, one in enumerate(embeddings):
        mine = (
            Feature.space_id == made.space_id,
            Feature.sha256 == one.sha256,
            Feature.segment_id == one.segment_id,
        )
        place = {"segment_id": segment_id, "row": row}
        n_moved += changed(session, update(Feature).where(*mine).values(place))
    if not n_moved:
        drop_segment(session, segment_id)
    return n_moved


def drop_segment(session: Session, segment_id: int) -> bool:
    """Delete a segment in which no embedding stands; False if one does."""
    is_used = select(Feature.sha256).where(Feature.segment_id == Segment.id).exists()
    return changed(session, delete(Segment).where(Segment.id == segment_id, ~is_used)) > 0


def _unnamed(contents: Select[*Columns], retry_from: datetime) -> Select[*Columns]:
    """Those of the selected contents that nothing needs.

    What jobs ask for is joined as a whole. PostgreSQL goes through a long `NOT IN` once for each
    content, SQLite through a `NOT EXISTS`, as no index leads from a content to its inputs.
    """
    item = select(Item.pk).where(Item.sha256 == Content.sha256, Item.is_deleted.is_(False))
    example = select(DatasetItem.pk).where(DatasetItem.sha256 == Content.sha256)
    asked_for = _asked_for(retry_from).distinct().subquery()
    return contents.outerjoin(asked_for, asked_for.c.sha256 == Content.sha256).where(
        ~item.exists(), ~example.exists(), asked_for.c.sha256.is_(None)
    )


def _asked_for(retry_from: datetime) -> Select[str | None]:
    may_be_tried = and_(Job.finished_at >= retry_from, JobInput.state.in_(UNDONE))
    return (
        select(JobInput.sha256)
        .join(Job, Job.id == JobInput.job_id)
        .where(JobInput.sha256.is_not(None), or_(Job.state.in_(LIVE), may_be_tried))
    )
