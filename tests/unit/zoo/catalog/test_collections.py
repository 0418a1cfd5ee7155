import pytest
from sqlalchemy import event

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, items
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    return Stock(catalog=catalog, blobs=open_blobs(settings))


def test_every_change_of_items_is_a_revision(catalog: Catalog, stock: Stock) -> None:
    stock.collection("c")
    first, second = random_vectors(2)
    assert stock.put("c", {"a": first}).revision == 1
    assert stock.put("c", {"a": second}).revision == 2
    made = stock.delete("c", "a")
    assert made.revision == 3
    with catalog.read() as session:
        [row] = items.changes_since(session, made.id, revision=2, limit=10)
        assert row.is_deleted
        assert items.changes_since(session, made.id, revision=3, limit=10) == []
        assert collections.count_items(session, made.id) == 0


def test_a_later_snapshot_is_not_replaced_by_an_earlier_one(
    catalog: Catalog, stock: Stock
) -> None:
    made = stock.collection("c")
    for revision in (2, 1):
        with catalog.write() as session:
            collections.set_snapshot(
                session,
                made.generation_id,
                key=f"indexes/{revision}",
                sha256="0" * 64,
                revision=revision,
                rows=1,
            )
    assert stock.read("c").index_key == "indexes/2"


def test_only_the_damaged_snapshot_is_forgotten(catalog: Catalog, stock: Stock) -> None:
    made = stock.collection("c")
    with catalog.write() as session:
        collections.set_snapshot(
            session, made.generation_id, key="indexes/2", sha256="0" * 64, revision=2, rows=1
        )
        collections.forget_snapshot(session, made.generation_id, key="indexes/1")
        assert collections.list_snapshots(session) == [("indexes/2", "0" * 64)]
        collections.forget_snapshot(session, made.generation_id, key="indexes/2")
    assert stock.read("c").index_key is None


def test_items_are_listed_in_the_order_in_which_they_came(catalog: Catalog, stock: Stock) -> None:
    made = stock.collection("c")
    for name, vector in zip("cab", random_vectors(3), strict=True):
        stock.put("c", {name: vector})
    with catalog.read() as session:
        listed = items.list_items(session, made.id, after=0, limit=2)
        rest = items.list_items(session, made.id, after=listed[-1].pk, limit=9)
    assert [one.item_id for one in (*listed, *rest)] == ["c", "a", "b"]


def test_listing_and_counting_items_reads_an_index_and_sorts_nothing(
    catalog: Catalog, stock: Stock
) -> None:
    """With a million items a page would else take seconds."""
    made = stock.collection("c")
    asked = []
    event.listen(catalog.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    with catalog.read() as session:
        items.list_items(session, made.id, after=3, limit=2)
        collections.count_items(session, made.id)
    if catalog.engine.dialect.name != "sqlite":
        return  # PostgreSQL decides by how many there are

    with catalog.engine.connect() as connection:
        plans = [
            [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)]
            for sql, given in asked[-2:]
        ]

    index = "INDEX ix_items_collection_id_items_is_deleted_items_pk"
    assert [plan[0] for plan in plans] == [
        f"SEARCH items USING {index} (collection_id=? AND is_deleted=? AND pk>?)",
        f"SEARCH items USING COVERING {index} (collection_id=? AND is_deleted=?)",
    ]
    assert not any("TEMP B-TREE" in step for plan in plans for step in plan)


def test_changes_come_in_pages_in_the_order_of_their_revisions(
    catalog: Catalog, stock: Stock
) -> None:
    made = stock.collection("c")
    vectors = random_vectors(3)
    stock.put("c", dict(zip("abc", vectors, strict=True)))
    stock.put("c", {"a": vectors[0]})
    with catalog.read() as session:
        first = items.changes_since(session, made.id, revision=-1, limit=2)
        revision, pk = first[-1].revision, first[-1].pk
        rest = items.changes_since(session, made.id, revision=revision, pk=pk, limit=2)
        assert [(row.revision, row.pk) for row in (*first, *rest)] == [(1, 2), (1, 3), (2, 1)]
        assert items.has_changes(session, made.id, revision=0, more_than=2)
        assert not items.has_changes(session, made.id, revision=0, more_than=3)


def test_a_collection_is_deleted_with_its_items_and_its_name_is_free(
    catalog: Catalog, stock: Stock
) -> None:
    made = stock.collection("c")
    stock.put("c", {"a": random_vectors(1)[0]})
    with catalog.write() as session:
        assert collections.delete_collection(session, "c")
        assert not collections.delete_collection(session, "c")
        assert collections.next_revision(session, made.id) is None
    assert stock.collection("c").revision == 0
