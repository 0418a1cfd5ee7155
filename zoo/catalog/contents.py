"""Contents and the packs that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import ContentRecord
from zoo.catalog.rows import as_record, chunks, insert_new, table_of, upsert
from zoo.catalog.tables import Content, DatasetItem, Item, Pack, now
from zoo.catalog.work_tables import SourceFile

REFERENCES = "ref:%"
"""Keys of packs that are files outside of the store, which may change or go at any time."""

_CONTENTS = table_of(Content)
_PACKS = table_of(Pack)
_IN_PACKS = _CONTENTS.join(_PACKS, _PACKS.c.id == _CONTENTS.c.pack_id)
_IS_WANTED = _CONTENTS.c.sha256.in_(bindparam("sha256s", expanding=True))
_IDS = select(_PACKS.c.key, _PACKS.c.id).where(_PACKS.c.key.in_(bindparam("keys", expanding=True)))
_PLACED = select(_CONTENTS, _PACKS.c.key.label("pack_key")).select_from(_IN_PACKS)
_GET = _PLACED.where(_IS_WANTED)
_BY_REFERENCE = (
    select(_CONTENTS.c.sha256, _CONTENTS.c.pack_id)
    .select_from(_IN_PACKS)
    .where(_IS_WANTED, _PACKS.c.key.like(REFERENCES))
)
_STORED = (
    select(_CONTENTS.c.sha256)
    .select_from(_IN_PACKS)
    .where(_IS_WANTED, _PACKS.c.key.not_like(REFERENCES))
)
_HOLD = (
    select(_CONTENTS.c.sha256)
    .where(_IS_WANTED)
    .order_by(_CONTENTS.c.sha256)
    .with_for_update(read=True, key_share=True)
)
_SET_SIZE = (
    update(_CONTENTS)
    .where(_CONTENTS.c.sha256 == bindparam("content"))
    .values(width=bindparam("width"), height=bindparam("height"))
)


def add_packs(session: Session, packs: Mapping[str, int]) -> dict[str, int]:
    """Register durable packs (key -> size in bytes); returns key -> id.

    A file by reference is a pack of its own, and comes again whenever it has changed.
    """
    rows = [
        {"key": key, "size_bytes": size, "created_at": now()}
        for key, size in sorted(packs.items())
    ]
    upsert(session, Pack, rows, key=["key"], update=["size_bytes"])
    ids: dict[str, int] = {}
    for chunk in chunks(packs):
        ids.update(session.execute(_IDS, {"keys": chunk}).all())
    return ids


def add_contents(
    session: Session, contents: Iterable[ContentRecord], *, pack_ids: Mapping[str, int]
) -> frozenset[str]:
    """Register contents; one that is known already stays where it is.

    Unless that is a file by reference: whoever brings the same bytes again has them for certain.
    Returns all of them (sha256, hex) if none was known, else none.
    """
    rows = [
        {
            "sha256": content.sha256,
            "pack_id": pack_ids[content.pack_key],
            "offset": content.offset,
            "size_bytes": content.size_bytes,
        }
        for content in contents
    ]
    places = {str(row["sha256"]): row for row in rows}
    if insert_new(session, Content, rows, key=["sha256"]) == len(rows):
        return frozenset(places)
    _move(session, places)
    return frozenset()


def find_elsewhere(session: Session, sha256s: Iterable[str]) -> None:
    """Let contents that stood in a file by reference stand in another that has the same bytes."""
    for chunk in chunks(sorted(set(sha256s))):
        places = session.execute(
            select(SourceFile.sha256, SourceFile.size_bytes, Pack.id)
            .join(Pack, Pack.key == SourceFile.reference)
            .where(SourceFile.sha256.in_(chunk))
            .order_by(SourceFile.pk)
        )
        found = {
            str(sha256): {"sha256": sha256, "pack_id": pack_id, "offset": 0, "size_bytes": size}
            for sha256, size, pack_id in places
        }
        _move(session, found)


def _move(session: Session, places: Mapping[str, Mapping[str, object]]) -> None:
    """Those of the contents that stand in files by reference stand in new places from now on."""
    for chunk in chunks(sorted(places)):
        by_reference = session.execute(_BY_REFERENCE, {"sha256s": chunk}).all()
        for sha256, pack_id in sorted(by_reference):
            if pack_id != (place := places[sha256])["pack_id"]:
                session.execute(update(Content).where(Content.sha256 == sha256).values(**place))


def get_contents(session: Session, sha256s: Iterable[str]) -> dict[str, ContentRecord]:
    """The known ones of the given contents, by sha256."""
    found = {}
    for chunk in chunks(sorted(set(sha256s))):
        rows = session.execute(_GET, {"sha256s": chunk})
        found.update({row.sha256: as_record(ContentRecord, row) for row in rows})
    return found


def find_stored(session: Session, sha256s: Iterable[str]) -> frozenset[str]:
    """Those of the given contents that stand in packs of the store, not in files elsewhere."""
    found: set[str] = set()
    for chunk in chunks(sorted(set(sha256s))):
        found.update(session.scalars(_STORED, {"sha256s": chunk}))
    return frozenset(found)


def set_lost(session: Session, sha256s: Iterable[str], *, pack_key: str) -> None:
    """Let contents stand in a pack that is nowhere, until somebody brings their bytes again."""
    wanted = sorted(set(sha256s))
    pack_id = add_packs(session, {pack_key: 0})[pack_key]
    for chunk in chunks(wanted):
        session.execute(
            update(Content).where(Content.sha256.in_(chunk)).values(pack_id=pack_id, offset=0)
        )
    find_elsewhere(session, wanted)


def hold_contents(session: Session, sha256s: Iterable[str]) -> frozenset[str]:
    """Those of the given contents that are known, none of them collected before the commit.

    For whoever names a content that was known a moment ago: nobody may have named it since.
    """
    held: set[str] = set()
    for chunk in chunks(sorted(set(sha256s))):
        held.update(session.scalars(_HOLD, {"sha256s": chunk}))
    return frozenset(held)


def set_sizes(session: Session, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Note width and height, in pixels, of decoded contents."""
    rows = [
        {"content": sha256, "width": width, "height": height}
        for sha256, (width, height) in sorted(sizes.items())  # in one order: no deadlocks
    ]
    if rows:
        session.execute(_SET_SIZE, rows)


def list_packs(session: Session) -> Sequence[tuple[str, int]]:
    """Key and size in bytes of every pack."""
    return [(key, size) for key, size in session.execute(select(Pack.key, Pack.size_bytes))]


def iter_contents(session: Session, *, after: str, limit: int) -> list[ContentRecord]:
    """Contents in order of their sha256, for walking over all of them.

    Those by reference only if something stands for them: what a file held before it changed is
    nowhere any more, and nobody asks for it.
    """
    is_item = select(Item.pk).where(Item.sha256 == Content.sha256, Item.is_deleted.is_(False))
    is_example = select(DatasetItem.pk).where(DatasetItem.sha256 == Content.sha256)
    rows = session.execute(
        _PLACED.where(Content.sha256 > after)
        .where(Pack.key.not_like(REFERENCES) | is_item.exists() | is_example.exists())
        .order_by(Content.sha256)
        .limit(limit)
    )
    return [as_record(ContentRecord, row) for row in rows]
