import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.stock import Stock, Vector, random_vectors
from zoo.catalog import Catalog, collections
from zoo.catalog.records import CollectionRecord
from zoo.errors import DamagedError
from zoo.search.collection import Searches, WrittenSnapshot
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    return Stock(catalog=catalog, blobs=open_blobs(settings))


@pytest.fixture
def searches(stock: Stock) -> Searches:
    return Searches(stock.catalog, stock.blobs)


def axes(*names: str) -> dict[str, Vector]:
    return dict(zip(names, np.eye(4, dtype=np.float32), strict=False))


def found(searches: Searches, collection: CollectionRecord, query: Vector, k: int = 10):
    return [(item.item_id, score) for item, score in searches.search(collection, query, k=k)]


def ids(searches: Searches, collection: CollectionRecord, query: Vector, k: int = 10):
    return [item_id for item_id, _ in found(searches, collection, query, k)]


def note_snapshot(stock: Stock, collection: CollectionRecord, written: WrittenSnapshot):
    with stock.catalog.write() as session:
        collections.set_snapshot(
            session,
            collection.generation_id,
            key=written.key,
            sha256=written.sha256,
            revision=written.revision,
            rows=written.rows,
        )
    return stock.read(collection.name)


def test_an_empty_collection_finds_nothing(stock: Stock, searches: Searches) -> None:
    collection = stock.collection("pets")
    assert found(searches, collection, np.ones(4, np.float32)) == []


def test_the_nearest_come_first_with_their_scores(stock: Stock, searches: Searches) -> None:
    stock.collection("pets")
    collection = stock.put("pets", axes("cat", "dog", "cow"))

    hits = found(searches, collection, np.array([2, 1, 0, 0], np.float32), k=2)

    assert [item_id for item_id, _ in hits] == ["cat", "dog"]
    assert [score for _, score in hits] == pytest.approx([2 / 5**0.5, 1 / 5**0.5])


def test_items_put_replaced_and_deleted_later_are_seen_by_the_next_search(
    stock: Stock, searches: Searches
) -> None:
    stock.collection("pets")
    query = np.array([1, 0.1, 0, 0], np.float32)
    assert ids(searches, stock.put("pets", axes("cat", "dog")), query, k=1) == ["cat"]

    assert ids(searches, stock.delete("pets", "cat"), query) == ["dog"]

    collection = stock.put("pets", {"new": query, "dog": -query})
    assert found(searches, collection, query) == [
        ("new", pytest.approx(1)),
        ("dog", pytest.approx(-1)),
    ]


def test_excluded_items_make_room_for_others(stock: Stock, searches: Searches) -> None:
    stock.collection("pets")
    collection = stock.put("pets", axes("cat", "dog", "cow"))
    query = np.array([3, 2, 1, 0], np.float32)
    [(cat, _)] = searches.search(collection, query, k=1)

    hits = searches.search(collection, query, k=2, exclude=frozenset({cat.pk}))

    assert [item.item_id for item, _ in hits] == ["dog", "cow"]


def test_a_namesake_of_a_deleted_collection_starts_empty(stock: Stock, searches: Searches) -> None:
    stock.collection("pets")
    query = np.ones(4, np.float32)
    assert ids(searches, stock.put("pets", axes("cat")), query) == ["cat"]
    with stock.catalog.write() as session:
        collections.delete_collection(session, "pets")

    assert ids(searches, stock.collection("pets"), query) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process has mapped")
def test_the_files_of_a_deleted_collection_are_let_go_with_the_next_index(
    stock: Stock, settings: Settings, tmp_path: Path
) -> None:
    def n_mapped() -> int:
        lines = Path("/proc/self/maps").read_text().splitlines()
        return sum(str(settings.home) in line and "/indexes/" in line for line in lines)

    stock.collection("pets")
    first = stock.put("pets", axes("cat", "dog"))
    writer = Searches(stock.catalog, stock.blobs)
    noted = note_snapshot(stock, first, writer.write_snapshot(first, spool=tmp_path))
    searches = Searches(stock.catalog, stock.blobs)
    query = np.ones(4, np.float32)
    assert len(ids(searches, noted, query)) == 2
    assert n_mapped() > 0

    with stock.catalog.write() as session:
        collections.delete_collection(session, "pets")
    stock.collection("plants")
    assert ids(searches, stock.put("plants", axes("oak")), query) == ["oak"]

    assert n_mapped() == 0


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_a_snapshot_with_later_changes_answers_as_a_rebuilt_index_does(
    stock: Stock, searches: Searches, metric: str, tmp_path: Path
) -> None:
    stock.collection("many", metric=metric)
    vectors = random_vectors(60)
    first = stock.put("many", {f"i{n}": vectors[n] for n in range(50)})
    written = searches.write_snapshot(first, spool=tmp_path)
    note_snapshot(stock, first, written)
    stock.delete("many", "i3")
    collection = stock.put("many", {f"i{n}": vectors[n + 10] for n in range(48, 50)})
    query = random_vectors(1, seed=9)[0]

    mapped = found(Searches(stock.catalog, stock.blobs), collection, query, k=60)

    assert (written.rows, written.revision) == (50, 1)
    assert len(mapped) == 49
    assert mapped == found(searches, collection, query, k=60)
    with stock.catalog.write() as session:
        collections.forget_snapshot(session, collection.generation_id, key=written.key)
    rebuilt = Searches(stock.catalog, stock.blobs)
    assert mapped == found(rebuilt, stock.read("many"), query, k=60)


def test_a_snapshot_of_a_snapshot_holds_the_changes_too(
    stock: Stock, searches: Searches, tmp_path: Path
) -> None:
    stock.collection("pets")
    first = stock.put("pets", axes("cat", "dog"))
    noted = note_snapshot(stock, first, searches.write_snapshot(first, spool=tmp_path))
    stock.delete("pets", "cat")

    again = searches.write_snapshot(stock.read("pets"), spool=tmp_path)
    collection = note_snapshot(stock, noted, again)

    assert (again.rows, again.revision) == (1, 2)
    fresh = Searches(stock.catalog, stock.blobs)
    assert ids(fresh, collection, np.ones(4, np.float32)) == ["dog"]


@pytest.mark.parametrize("is_manifest", [True, False])
@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_a_damaged_snapshot_is_forgotten_and_the_index_rebuilt(
    stock: Stock, searches: Searches, damage: str, is_manifest: bool, tmp_path: Path
) -> None:
    stock.collection("pets")
    first = stock.put("pets", axes("cat", "dog"))
    written = searches.write_snapshot(first, spool=tmp_path)
    collection = note_snapshot(stock, first, written)
    [key] = (key for key in stock.blobs.keys("indexes/") if (key == written.key) is is_manifest)
    content = bytearray(stock.blobs.local_path(key).read_bytes())
    stock.blobs.delete(key)
    if damage == "flip":
        content[-1] ^= 1
        stock.blobs.put_bytes(key, bytes(content))

    with capture_logs() as logs:
        hits = ids(Searches(stock.catalog, stock.blobs), collection, np.eye(4)[0].astype("f4"))

    assert hits == ["cat", "dog"]
    assert [log["event"] for log in logs] == ["index_snapshot_damaged"]
    assert stock.read("pets").index_key is None


def test_a_lost_segment_is_an_error_and_not_a_wrong_answer(
    stock: Stock, searches: Searches
) -> None:
    stock.collection("pets")
    collection = stock.put("pets", axes("cat"))
    for key in list(stock.blobs.keys("segments/")):
        stock.blobs.delete(key)

    with pytest.raises(DamagedError):
        searches.search(collection, np.ones(4, np.float32), k=1)


def test_a_vector_of_record_comes_back_as_it_was(stock: Stock, searches: Searches) -> None:
    stock.collection("pets")
    given = {"cat": np.array([3, 0, 4, 0], np.float32)}
    collection = stock.put("pets", given)
    [(item, _)] = searches.search(collection, given["cat"], k=1)

    assert searches.vector_of(collection, item.sha256).tolist() == [3, 0, 4, 0]


def test_collections_beyond_the_capacity_are_loaded_again_when_asked_for(
    stock: Stock,
) -> None:
    searches = Searches(stock.catalog, stock.blobs, capacity=2)
    for number in range(4):
        stock.collection(f"c{number}")
        stock.put(f"c{number}", axes(f"item{number}"))

    for number in (0, 1, 2, 3, 0):
        query = np.ones(4, np.float32)
        assert ids(searches, stock.read(f"c{number}"), query) == [f"item{number}"]


def test_searches_beside_a_writer_see_every_item_that_was_there_before(
    stock: Stock, searches: Searches
) -> None:
    stock.collection("busy")
    vectors = random_vectors(40)
    query = random_vectors(1, seed=3)[0]

    def search_once(_: int) -> tuple[int, int]:
        collection = stock.read("busy")
        return collection.revision, len(searches.search(collection, query, k=100))

    with ThreadPoolExecutor(4) as pool:
        looks = pool.map(search_once, range(60))
        for number in range(20):
            stock.put("busy", {f"i{number}": vectors[number]})
        seen = list(looks)

    assert all(count >= revision for revision, count in seen)
    assert len(searches.search(stock.read("busy"), query, k=100)) == 20


def test_an_index_is_read_in_pages_and_misses_nothing(
    stock: Stock, searches: Searches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.search.index.MOST_PART_ROWS", 7)
    stock.collection("many")
    vectors = random_vectors(50)
    for first in (0, 20, 23):
        stock.put("many", {f"i{n}": vectors[n] for n in range(first, first + 20)})
    collection = stock.delete("many", "i5")
    query = random_vectors(1, seed=3)[0]

    in_pages = found(searches, collection, query, k=60)
    noted = note_snapshot(stock, collection, searches.write_snapshot(collection, spool=tmp_path))

    assert {item_id for item_id, _ in in_pages} == {f"i{n}" for n in range(43) if n != 5}
    assert noted.index_rows == 42
    assert found(Searches(stock.catalog, stock.blobs), noted, query, k=60) == in_pages
    parts = [key for key in stock.blobs.keys("indexes/") if not key.endswith(".json")]
    assert len(parts) >= 6
