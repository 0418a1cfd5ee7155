import pytest

from tests.stock import Stock, random_vectors
from tests.workplace import Workplace
from zoo.catalog import collections, inputs, shards
from zoo.catalog.records import CollectionRecord, InputRecord
from zoo.jobs.ledger import Claim, create_job
from zoo_workers import index

GIVEN = InputRecord(
    pk=0,
    position=0,
    name="a.jpg",
    item_id="item_1",
    label=None,
    split=None,
    metadata={},
    sha256="0" * 64,
    state="reused",
    error_code=None,
    error_detail=None,
)


@pytest.fixture
def stock(place: Workplace) -> Stock:
    made = Stock(catalog=place.context.catalog, blobs=place.context.blobs)
    made.collection("pets")
    return made


def ingest(place: Workplace, stock: Stock, *, n: int, seed: int = 0) -> CollectionRecord:
    """The end of a job that has put so many items."""
    vectors = random_vectors(n, seed=seed)
    collection = stock.put("pets", {f"i{seed}-{at}": one for at, one in enumerate(vectors)})
    with stock.catalog.write() as session:
        work = {"collection_id": collection.id}
        job = create_job(session, "ingest", {"collection": "pets"}, work=work, target="collection")
        inputs.add_inputs(session, job.id, [GIVEN], shard_id=None)
        shards.add_shard(session, job.id, "index", arguments={})
    index.run(place.context, place.claim())
    assert place.job(job).result == {"embedded": 0, "reused": 1, "failed": 0}
    return stock.read("pets")


def test_a_snapshot_is_written_once_enough_has_changed_since_the_last(
    place: Workplace, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "FEWEST_CHANGES", 10)

    assert ingest(place, stock, n=10).index_key is None
    first = ingest(place, stock, n=1, seed=1)
    later = ingest(place, stock, n=10, seed=2)
    last = ingest(place, stock, n=1, seed=3)

    assert first.index_rows == 11
    assert later.index_key == first.index_key
    assert last.index_rows == 22


def begun(place: Workplace, stock: Stock, **more: object) -> Claim:
    """The claim of a shard that embeds for the collection."""
    with stock.catalog.write() as session:
        work = {"collection_id": stock.read("pets").id, **more}
        job = create_job(session, "ingest", {"collection": "pets"}, work=work, target="collection")
        shards.add_shard(session, job.id, "embed", arguments={})
    return place.claim()


def test_a_job_ends_without_this_shard_while_no_snapshot_is_due(
    place: Workplace, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "FEWEST_CHANGES", 10)
    claim = begun(place, stock)
    assert not index.is_needed(place.context, claim, n_more=10)
    assert index.is_needed(place.context, claim, n_more=11)
    ingest(place, stock, n=9)
    assert not index.is_needed(place.context, claim, n_more=1)
    assert index.is_needed(place.context, claim, n_more=2)


def test_a_look_at_a_source_ends_with_this_shard(place: Workplace, stock: Stock) -> None:
    assert index.is_needed(place.context, begun(place, stock, source_id=1, scan=1), n_more=1)


def test_a_job_whose_collection_was_deleted_ends_with_this_shard(
    place: Workplace, stock: Stock
) -> None:
    claim = begun(place, stock)
    with stock.catalog.write() as session:
        collections.delete_collection(session, "pets")
    assert index.is_needed(place.context, claim, n_more=1)
