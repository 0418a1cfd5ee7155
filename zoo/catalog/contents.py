"""Contents and the packs that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import ContentRecord
from zoo.catalog.rows import as_record, chunks, insert_new
from zoo.catalog.tables import Content, Pack


def add_packs(session: Session, packs: Mapping[str, int]) -> dict[str, int]:
    """Register durable packs (key -> size in bytes); returns key -> id."""
    rows = [Pack(key=key, size_bytes=size) for key, size in packs.items()]
    session.add_all(rows)
    session.flush()
    return {row.key: row.id for row in rows}


def add_contents(
    session: Session, contents: Iterable[ContentRecord], *, pack_ids: Mapping[str, int]
) -> None:
    """Register contents; one that is known already stays where it is."""
    rows = [
        {
            "sha256": content.sha256,
            "pack_id": pack_ids[content.pack_key],
            "offset": content.offset,
            "size_bytes": content.size_bytes,
        }
        for content in contents
    ]
    insert_new(session, Content, rows, key=["sha256"])


def get_contents(session: Session, sha256s: Iterable[str]) -> dict[str, ContentRecord]:
    """The known ones of the given contents, by sha256."""
    found = {}
    for chunk in chunks(sorted(set(sha256s))):
        rows = session.execute(
            select(Content, Pack.key)
            .join(Pack, Pack.id == Content.pack_id)
            .where(Content.sha256.in_(chunk))
        )
        found.update({row.sha256: as_record(ContentRecord, row, pack_key=k) for row, k in rows})
    return found


def set_sizes(session: Session, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Note width and height, in pixels, of decoded contents."""
    for sha256, (width, height) in sorted(sizes.items()):  # in one order: no deadlocks
        session.execute(
            update(Content).where(Content.sha256 == sha256).values(width=width, height=height)
        )


def list_packs(session: Session) -> Sequence[tuple[str, int]]:
    """Key and size in bytes of every pack."""
    return [(key, size) for key, size in session.execute(select(Pack.key, Pack.size_bytes))]


def iter_contents(session: Session, *, after: str, limit: int) -> list[ContentRecord]:
    """Contents in order of their sha256, for walking over all of them."""
    rows = session.execute(
        select(Content, Pack.key)
        .join(Pack, Pack.id == Content.pack_id)
        .where(Content.sha256 > after)
        .order_by(Content.sha256)
        .limit(limit)
    )
    return [as_record(ContentRecord, row, pack_key=key) for row, key in rows]
