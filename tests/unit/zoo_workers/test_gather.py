"""A dataset that is gathered from a collection gets that one's items or none."""

from tests.workplace import Workplace
from zoo.catalog import datasets
from zoo.jobs.intake import submit_collection
from zoo.jobs.specs import IngestSpec, SourceSpec
from zoo_workers import shards as shard_work


def test_a_collection_that_is_deleted_meanwhile_fails_the_job(place: Workplace) -> None:
    dataset_id = place.dataset()
    spec = IngestSpec(dataset="pets", source=SourceSpec(collection="photos"))
    with place.context.catalog.write() as session:
        work = {"dataset_id": dataset_id, "from_collection_id": 7}
        job = submit_collection(session, spec, work=work)
    shard_work.run(place.context, place.next_shard().id)

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "collection_deleted")
    assert ended.error_detail == (
        "collection 'photos' was deleted while its items were being taken over"
    )
    with place.context.catalog.read() as session:
        found = datasets.get_dataset(session, "pets")
    assert found is not None
    assert found.version == 0
