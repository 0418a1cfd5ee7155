import pytest

from tests.pictures import picture
from tests.workplace import Workplace, fail_with_second
from zoo.catalog import datasets
from zoo.catalog.records import JobRecord
from zoo.jobs.intake import submit_extract
from zoo.jobs.specs import ExtractSpec
from zoo_workers import enlist, shards

N = 40
WORK = {"model": "lite.tiny.in1k", "space_id": "5" * 64, "taps": [], "item_bytes": 100}


@pytest.fixture
def job(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> JobRecord:
    """An extract job about a dataset of forty items, taken over fifteen at a time."""
    dataset_id = place.dataset()
    files = [(f"{n}.bmp", "cat", picture(n, kind="BMP")) for n in range(N)]
    place.submit(dataset_id, place.deliver(files))
    place.work()
    monkeypatch.setattr(enlist, "ITEMS_A_WRITE", 15)
    work = {**WORK, "dataset_id": dataset_id, "dataset_version": 1}
    with place.context.catalog.write() as session:
        return submit_extract(session, ExtractSpec(layers=("a",), dataset="pets"), work=work)


def assert_enlisted(place: Workplace, job: JobRecord) -> None:
    given = place.inputs(job)
    assert [one.position for one in given] == list(range(N))
    assert {one.name for one in given} == {f"{n}.bmp" for n in range(N)}
    assert place.next_shard().kind == "extract"


def test_every_item_is_given_to_a_shard_once(place: Workplace, job: JobRecord) -> None:
    enlist.run(place.context, place.claim())
    assert_enlisted(place, job)


def test_a_dataset_that_was_deleted_is_named_though_another_has_its_name(
    place: Workplace, job: JobRecord
) -> None:
    with place.context.catalog.write() as session:
        datasets.delete_dataset(session, "pets")
        datasets.create_dataset(session, "pets")
    shards.run(place.context, place.next_shard().id)
    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "dataset_deleted")
    assert ended.error_detail == "dataset 'pets' was deleted before the job was done with it"


def test_an_attempt_goes_on_where_the_last_one_ended(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with_second(monkeypatch, enlist)
    first = place.next_shard()
    shards.run(place.context, first.id)
    assert len(place.inputs(job)) == 15

    shards.run(place.context, first.id)

    assert place.shard(first.id).state == "done"
    assert_enlisted(place, job)
