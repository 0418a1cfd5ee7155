"""Collections, their generations and their index snapshots."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Row, Select, and_, bindparam, func, select, update
from sqlalchemy.orm import Session

from zoo.catalog.deleted import COLLECTION, is_kept, take_down
from zoo.catalog.records import CollectionRecord
from zoo.catalog.rows import as_record, changed, table_of
from zoo.catalog.tables import Collection, Generation, Item, SpaceRow, now

_COLLECTIONS = table_of(Collection)
_IS_COLLECTION = and_(_COLLECTIONS.c.id == bindparam("collection"), is_kept(Collection))
_MOVE_ON = update(_COLLECTIONS).where(_IS_COLLECTION).values(revision=_COLLECTIONS.c.revision + 1)
_REVISION = select(_COLLECTIONS.c.revision).where(_IS_COLLECTION)


def create_collection(
    session: Session, name: str, *, model: str, metric: str, space_id: str
) -> CollectionRecord:
    """A new, empty collection with its first generation."""
    row = Collection(name=name, model=model, metric=metric, revision=0, created_at=now())
    session.add(row)
    session.flush()
    session.add(Generation(collection_id=row.id, number=1, space_id=space_id, is_current=True))
    session.flush()
    return _one(session.execute(_select().where(Collection.id == row.id)).one())


def get_collection(session: Session, name: str) -> CollectionRecord | None:
    """A collection by name."""
    row = session.execute(_named(), {"name": name}).one_or_none()
    return _one(row) if row else None


@cache
def _named() -> Select[Collection, Generation, int]:
    """Made once; see `zoo.catalog.rows`."""
    return _select().where(Collection.name == bindparam("name"))


def has_collection(session: Session, collection_id: int) -> bool:
    """Whether this very collection is there, in a write until its end; its name may be again."""
    held = select(Collection.id).where(Collection.id == collection_id, is_kept(Collection))
    return session.scalar(held.with_for_update(read=True, key_share=True)) is not None


def list_collections(session: Session, *, after: str, limit: int) -> list[CollectionRecord]:
    """Collections in order of their names, after a name."""
    statement = _select().where(Collection.name > after).order_by(Collection.name).limit(limit)
    return [_one(row) for row in session.execute(statement)]


def collection_names(session: Session) -> list[str]:
    """The names of all collections."""
    return list(session.scalars(select(Collection.name).where(is_kept(Collection))))


def generation_ids(session: Session) -> set[int]:
    """The ids of all generations of all collections."""
    return set(session.scalars(select(Generation.id)))


def delete_collection(session: Session, name: str) -> bool:
    """Delete a collection with its items and generations; embeddings stay in the feature store.

    Of a large one most rows are left for `zoo.catalog.deleted.clear`.
    """
    named = select(Collection.id).where(Collection.name == name, is_kept(Collection))
    found = session.scalar(named.with_for_update())
    if found is None:
        return False
    take_down(session, COLLECTION, found)
    return True


def next_revision(session: Session, collection_id: int) -> int | None:
    """Move a collection to its next revision and return it; None if it was deleted."""
    if not changed(session, _MOVE_ON, {"collection": collection_id}):
        return None
    return session.scalar(_REVISION, {"collection": collection_id})


def count_items(session: Session, collection_id: int) -> int:
    """How many items a collection has."""
    statement = select(func.count()).where(
        Item.collection_id == collection_id, Item.is_deleted.is_(False)
    )
    return session.scalar(statement) or 0


def set_snapshot(
    session: Session, generation_id: int, *, key: str, sha256: str, revision: int, rows: int
) -> None:
    """Note the snapshot of a generation's index, unless a later one is noted already."""
    session.execute(
        update(Generation)
        .where(
            Generation.id == generation_id,
            func.coalesce(Generation.index_revision, -1) < revision,
        )
        .values(index_key=key, index_sha256=sha256, index_revision=revision, index_rows=rows)
    )


def forget_snapshot(session: Session, generation_id: int, *, key: str) -> None:
    """Drop a snapshot that turned out to be damaged."""
    session.execute(
        update(Generation)
        .where(Generation.id == generation_id, Generation.index_key == key)
        .values(index_key=None, index_sha256=None, index_revision=None, index_rows=None)
    )


def forget_snapshot_file(session: Session, key: str) -> None:
    """Drop a snapshot by its file, whichever generation it is of."""
    session.execute(
        update(Generation)
        .where(Generation.index_key == key)
        .values(index_key=None, index_sha256=None, index_revision=None, index_rows=None)
    )


def list_snapshots(session: Session) -> list[tuple[str, str]]:
    """Key and sha256 of every index snapshot."""
    rows = session.execute(
        select(Generation.index_key, Generation.index_sha256).where(
            Generation.index_key.is_not(None)
        )
    )
    return [(str(key), str(sha256)) for key, sha256 in rows]


def _select() -> Select[Collection, Generation, int]:
    return (
        select(Collection, Generation, SpaceRow.dim)
        .join(Generation, Generation.collection_id == Collection.id)
        .join(SpaceRow, SpaceRow.space_id == Generation.space_id)
        .where(Generation.is_current.is_(True), is_kept(Collection))
    )


def _one(row: Row[Collection, Generation, int]) -> CollectionRecord:
    collection, generation, dim = row
    return as_record(
        CollectionRecord,
        collection,
        generation_id=generation.id,
        generation=generation.number,
        space_id=generation.space_id,
        dim=dim,
        index_key=generation.index_key,
        index_sha256=generation.index_sha256,
        index_revision=generation.index_revision,
        index_rows=generation.index_rows,
    )
