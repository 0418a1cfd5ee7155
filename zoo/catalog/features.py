"""The feature store's rows: which embedding stands where, and who is making which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import FeatureRecord, Json, SegmentRecord
from zoo.catalog.rows import as_record, chunks, insert_new, table_of
from zoo.catalog.tables import Feature, Segment, SpaceRow
from zoo.catalog.work_tables import Forward

_FEATURES = table_of(Feature)
_FORWARDS = table_of(Forward)
_SPACES = table_of(SpaceRow)
_ADD_SEGMENT = insert(table_of(Segment))
_SECONDS = select(_SPACES.c.seconds_per_item).where(_SPACES.c.space_id == bindparam("space"))
_LOCATE = select(_FEATURES.c.sha256, _FEATURES.c.segment_id, _FEATURES.c.row).where(
    _FEATURES.c.space_id == bindparam("space"),
    _FEATURES.c.sha256.in_(bindparam("sha256s", expanding=True)),
)
_RESERVED = select(_FORWARDS.c.sha256).where(
    _FORWARDS.c.space_id == bindparam("space"),
    _FORWARDS.c.shard_id == bindparam("shard"),
    _FORWARDS.c.sha256.in_(bindparam("sha256s", expanding=True)),
)
_RELEASE = delete(_FORWARDS).where(_FORWARDS.c.shard_id.in_(bindparam("shards", expanding=True)))


def add_space(session: Session, space_id: str, *, model: str, dim: int, description: Json) -> None:
    """Register a space; a known one stays as it is."""
    row = {"space_id": space_id, "model": model, "dim": dim, "description": description}
    insert_new(session, SpaceRow, [row], key=["space_id"])


def seconds_per_item(session: Session, space_id: str) -> float | None:
    """What a content takes one core to embed, as measured of late; None if it never was."""
    return session.scalar(_SECONDS, {"space": space_id})


def note_seconds_per_item(session: Session, space_id: str, measured: float) -> None:
    """Move what a content is reckoned to take half the way to what was measured."""
    known = seconds_per_item(session, space_id)
    value = measured if known is None else (known + measured) / 2
    session.execute(
        update(SpaceRow).where(SpaceRow.space_id == space_id).values(seconds_per_item=value)
    )


def add_segment(
    session: Session,
    *,
    space_id: str,
    key: str,
    sha256: str,
    n_rows: int,
    dim: int,
) -> int:
    """Register a durable segment; returns its id."""
    row = {"space_id": space_id, "key": key, "sha256": sha256, "n_rows": n_rows, "dim": dim}
    added = session.execute(_ADD_SEGMENT, row)
    [segment_id] = added.inserted_primary_key  # type: ignore[attr-defined]  # of one row, it is
    return int(segment_id)


def add_features(
    session: Session, *, space_id: str, segment_id: int, contents: Sequence[str]
) -> None:
    """Register row i of a segment as the embedding of `contents[i]`; a known one stays."""
    rows = [
        {"space_id": space_id, "sha256": sha256, "segment_id": segment_id, "row": row}
        for row, sha256 in enumerate(contents)
    ]
    insert_new(session, Feature, rows, key=["space_id", "sha256"])


def locate(session: Session, *, space_id: str, sha256s: Iterable[str]) -> dict[str, FeatureRecord]:
    """Where the embeddings of these contents stand, by sha256; absent ones are left out."""
    found = {}
    for chunk in chunks(sorted(set(sha256s))):
        rows = session.execute(_LOCATE, {"space": space_id, "sha256s": chunk})
        for sha256, segment_id, row in rows:
            found[sha256] = FeatureRecord(sha256=sha256, segment_id=segment_id, row=row)
    return found


def get_segments(session: Session, ids: Iterable[int]) -> dict[int, SegmentRecord]:
    """Segments by id."""
    found = {}
    for chunk in chunks(sorted(set(ids))):
        rows = session.scalars(select(Segment).where(Segment.id.in_(chunk)))
        found.update({row.id: as_record(SegmentRecord, row) for row in rows})
    return found


def list_segments(session: Session) -> list[SegmentRecord]:
    """Every segment."""
    return [as_record(SegmentRecord, row) for row in session.scalars(select(Segment))]


def forget_segment(session: Session, segment_id: int) -> int:
    """Drop a segment with the embeddings in it; returns how many these were."""
    met = select(func.count()).where(Feature.segment_id == segment_id)
    count = session.scalar(met) or 0
    session.execute(delete(Feature).where(Feature.segment_id == segment_id))
    session.execute(delete(Segment).where(Segment.id == segment_id))
    return count


def reserve_forwards(
    session: Session, *, space_id: str, shard_id: int, sha256s: Iterable[str]
) -> frozenset[str]:
    """Reserve contents for one shard; returns those it got, the rest is being forwarded."""
    wanted = sorted(set(sha256s))
    rows = [{"space_id": space_id, "sha256": sha, "shard_id": shard_id} for sha in wanted]
    insert_new(session, Forward, rows, key=["space_id", "sha256"])
    mine: set[str] = set()
    for chunk in chunks(wanted):
        named = {"space": space_id, "shard": shard_id, "sha256s": chunk}
        mine.update(session.scalars(_RESERVED, named))
    return frozenset(mine)


def release_forwards(session: Session, shard_ids: Iterable[int]) -> None:
    """Give up what these shards reserved."""
    for chunk in chunks(shard_ids):
        session.execute(_RELEASE, {"shards": chunk})
