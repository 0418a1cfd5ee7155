"""Items of collections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Row, Select, bindparam, or_, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import IndexRow, InputRecord, ItemRecord, Json
from zoo.catalog.rows import as_record, changed, chunks, table_of, upsert
from zoo.catalog.tables import Content, Item, now

ALL_PKS = 2**62
"""A primary key that no item reaches."""

_ITEMS = table_of(Item)
_CHANGED = (
    select(_ITEMS.c.pk)
    .where(_ITEMS.c.collection_id == bindparam("collection"))
    .where(_ITEMS.c.revision > bindparam("since"))
    .limit(bindparam("most"))
)


def put_items(
    session: Session, collection_id: int, inputs: Iterable[InputRecord], *, revision: int
) -> None:
    """Make items of inputs; an item with the same id is replaced."""
    instant = now()
    rows = [
        {
            "collection_id": collection_id,
            "item_id": given.item_id,
            "name": given.name,
            "label": given.label,
            "metadata": dict(given.metadata),
            "sha256": given.sha256,
            "revision": revision,
            "is_deleted": False,
            "created_at": instant,
        }
        for given in inputs
    ]
    upsert(
        session,
        Item,
        rows,
        key=["collection_id", "item_id"],
        update=["name", "label", "metadata", "sha256", "revision", "is_deleted", "created_at"],
    )


def get_item(session: Session, collection_id: int, item_id: str) -> ItemRecord | None:
    """An item by its id."""
    statement = _select().where(Item.collection_id == collection_id, Item.item_id == item_id)
    row = session.execute(statement).one_or_none()
    return _one(row) if row else None


def list_items(
    session: Session, collection_id: int, *, after: int, limit: int
) -> list[ItemRecord]:
    """Items in the order in which they came, after a primary key."""
    statement = (
        _select()
        .where(Item.collection_id == collection_id, Item.pk > after)
        .order_by(Item.pk)
        .limit(limit)
    )
    return [_one(row) for row in session.execute(statement)]


def get_items(session: Session, pks: Iterable[int]) -> dict[int, ItemRecord]:
    """Items by primary key; deleted ones are left out."""
    found = {}
    for chunk in chunks(pks):
        rows = session.execute(_select().where(Item.pk.in_(chunk)))
        found.update({row.Item.pk: _one(row) for row in rows})
    return found


def patch_item(
    session: Session, collection_id: int, item_id: str, *, values: Json
) -> ItemRecord | None:
    """Change name, label or metadata of an item; None if there is no such item."""
    row = session.scalar(
        select(Item).where(
            Item.collection_id == collection_id,
            Item.item_id == item_id,
            Item.is_deleted.is_(False),
        )
    )
    if row is None:
        return None
    for name, value in values.items():
        setattr(row, "meta" if name == "metadata" else name, value)
    session.flush()
    return get_item(session, collection_id, item_id)


def delete_item(session: Session, collection_id: int, item_id: str, *, revision: int) -> bool:
    """Turn an item into a tombstone; False if there is no such item."""
    statement = (
        update(Item)
        .where(
            Item.collection_id == collection_id,
            Item.item_id == item_id,
            Item.is_deleted.is_(False),
        )
        .values(is_deleted=True, revision=revision)
    )
    return changed(session, statement) > 0


def changes_since(
    session: Session, collection_id: int, *, revision: int, pk: int = ALL_PKS, limit: int
) -> list[IndexRow]:
    """Items and tombstones that changed after a revision, in the order of their revisions.

    With a `pk` also those of that very revision whose own is higher.
    """
    rows: Sequence[Row[int, int, str | None, bool]] = session.execute(
        select(Item.pk, Item.revision, Item.sha256, Item.is_deleted)
        .where(
            Item.collection_id == collection_id,
            Item.revision >= revision,
            or_(Item.revision > revision, Item.pk > pk),
        )
        .order_by(Item.revision, Item.pk)
        .limit(limit)
    ).all()
    return [
        IndexRow(pk=pk, revision=changed_in, sha256=sha256 or "", is_deleted=dead)
        for pk, changed_in, sha256, dead in rows
    ]


def has_changes(session: Session, collection_id: int, *, revision: int, more_than: int) -> bool:
    """Whether more than so many items and tombstones changed after a revision."""
    if more_than < 0:
        return True
    asked = {"collection": collection_id, "since": revision, "most": more_than + 1}
    return len(session.scalars(_CHANGED, asked).all()) > more_than


def _select() -> Select[Item, int | None, int | None]:
    return (
        select(Item, Content.width, Content.height)
        .join(Content, Content.sha256 == Item.sha256)
        .where(Item.is_deleted.is_(False))
    )


def _one(row: Row[Item, int | None, int | None]) -> ItemRecord:
    item, width, height = row
    return as_record(ItemRecord, item, metadata=item.meta, width=width, height=height)
