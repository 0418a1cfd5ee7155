"""What is deleted is gone at once; its rows go some at a time: others may write between."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, datasets, deleted, items, soundness, sources, uses
from zoo.catalog.records import CollectionRecord, DatasetRecord, Example, SourceFileRecord
from zoo.catalog.tables import DatasetItem, Item
from zoo.catalog.work_tables import Source, SourceFile
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs

IDS = "abcde"


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted, "ROWS_A_WRITE", 2)


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    return Stock(catalog=catalog, blobs=open_blobs(settings))


def filled(stock: Stock, name: str) -> CollectionRecord:
    stock.collection(name, model="pets:3")
    return stock.put(name, dict(zip(IDS, random_vectors(len(IDS)), strict=True)))


def look(catalog: Catalog, target: sources.Target) -> None:
    """Let a target have a source of two files."""
    with catalog.write() as session:
        source = sources.begin_scan(session, target, "/srv/pets")
        files = [
            SourceFileRecord(
                name=name,
                archive=None,
                size_bytes=1,
                stamp="1",
                sha256=None,
                reference=None,
                item_id=name,
            )
            for name in ("x.png", "y.png")
        ]
        sources.note_files(session, source, target, files)


def rows_left(catalog: Catalog) -> tuple[int, ...]:
    with catalog.read() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Item, DatasetItem, Source, SourceFile)
        )


def portions(catalog: Catalog) -> Iterator[int]:
    """Clear to the end; how many rows each write deleted."""
    with catalog.read() as session:
        left = deleted.leftovers(session)
    for one in left:
        n = 1
        while n:
            with catalog.write() as session:
                n = deleted.clear(session, one)
            yield n


def delete(catalog: Catalog, name: str) -> bool:
    with catalog.write() as session:
        return collections.delete_collection(session, name)


def test_a_large_collection_is_gone_before_its_rows_are(catalog: Catalog, stock: Stock) -> None:
    made = filled(stock, "c")
    sha256 = items_of(catalog, made)[0].sha256
    assert delete(catalog, "c")
    assert rows_left(catalog)[0] == 3
    assert not delete(catalog, "c")
    with catalog.write() as session:
        assert collections.get_collection(session, "c") is None
        assert collections.get_collection(session, f"~{made.id}") is None
        assert collections.list_collections(session, after="", limit=9) == []
        assert collections.collection_names(session) == []
        assert not collections.has_collection(session, made.id)
        assert collections.next_revision(session, made.id) is None
        assert soundness.items_of_content(session, sha256, limit=9) == []
        assert soundness.items_without_vector(session) == []
        assert uses.uses_of_version(session, "pets", 3).collections == []
    assert list(portions(catalog)) == [2, 2, 0]
    assert rows_left(catalog) == (0, 0, 0, 0)


def items_of(catalog: Catalog, made: CollectionRecord) -> list[items.ItemRecord]:
    with catalog.read() as session:
        return items.list_items(session, made.id, after=0, limit=9)


def test_its_name_is_free_at_once_and_the_next_one_keeps_its_items(
    catalog: Catalog, stock: Stock
) -> None:
    first = filled(stock, "c")
    delete(catalog, "c")
    second = filled(stock, "c")
    assert second.id != first.id
    list(portions(catalog))
    assert [one.item_id for one in items_of(catalog, second)] == list(IDS)
    assert items_of(catalog, first) == []


def test_its_sources_go_with_it(catalog: Catalog, stock: Stock) -> None:
    for name in ("c", "other"):
        look(catalog, sources.Target(collection_id=filled(stock, name).id))
    delete(catalog, "c")
    with catalog.read() as session:
        assert deleted.count_rows(session) == 5
    assert sum(portions(catalog)) == 6  # the collection's own too
    assert rows_left(catalog) == (5, 0, 1, 2)


def test_a_small_one_leaves_nothing(catalog: Catalog, stock: Stock) -> None:
    stock.collection("c")
    stock.put("c", {"a": random_vectors(1)[0]})
    delete(catalog, "c")
    with catalog.read() as session:
        assert deleted.leftovers(session) == []


def test_a_large_dataset_is_gone_before_its_rows_are(catalog: Catalog, stock: Stock) -> None:
    contents = [one.sha256 for one in items_of(catalog, filled(stock, "c"))]
    made = dataset(catalog, contents)
    look(catalog, sources.Target(dataset_id=made.id))
    with catalog.write() as session:
        assert datasets.delete_dataset(session, "pets")
    with catalog.write() as session:
        assert not datasets.delete_dataset(session, "pets")
        assert datasets.get_dataset(session, f"~{made.id}") is None
        assert datasets.list_datasets(session, after="", limit=9) == []
        assert datasets.dataset_names(session) == []
        assert not datasets.has_dataset(session, made.id)
        assert not datasets.lock_dataset(session, made.id)
        assert datasets.settle_kind(session, made.id, "image") is None
    again = dataset(catalog, contents)
    list(portions(catalog))
    assert rows_left(catalog) == (5, 5, 0, 0)
    with catalog.read() as session:
        assert len(datasets.list_examples(session, again.id, version=None)) == 5


def dataset(catalog: Catalog, contents: list[str]) -> DatasetRecord:
    examples = [
        Example(item_id=name, name=name, label="cat", split=None, sha256=sha256, metadata={})
        for name, sha256 in zip(IDS, contents, strict=True)
    ]
    with catalog.write() as session:
        made = datasets.create_dataset(session, "pets")
        datasets.put_examples(session, made.id, examples)
        return made
