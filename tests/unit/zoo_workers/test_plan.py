import pytest

from tests.pictures import picture
from tests.workplace import Workplace, fail_with_second
from zoo.catalog import shards as catalog_shards
from zoo.catalog.records import InputRecord, JobRecord
from zoo.jobs.intake import submit_fine_tune
from zoo.jobs.ledger import cancel
from zoo.jobs.retries import retry
from zoo.jobs.specs import FineTuneSpec
from zoo_workers import plan, shards

N = 40


@pytest.fixture
def job(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> JobRecord:
    """A fine-tune job of forty pictures, given to embed shards fifteen at a time."""
    dataset_id = place.dataset()
    files = [(f"{n}.bmp", "cat", picture(n, kind="BMP")) for n in range(N)]
    place.submit(dataset_id, place.deliver(files))
    place.work()
    monkeypatch.setattr(plan, "INPUTS_A_WRITE", 15)
    spec = FineTuneSpec(dataset="pets", model="lite.tiny", name="mine")
    work = {"dataset_id": dataset_id, "dataset_version": 1, "space_id": "5" * 64}
    with place.context.catalog.write() as session:
        return submit_fine_tune(session, spec, work=work)


@pytest.fixture
def torn(place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch) -> JobRecord:
    """The same job after an attempt that ended with the second portion."""
    fail_with_second(monkeypatch, plan)
    shards.run(place.context, place.next_shard().id)
    assert len(place.inputs(job)) == 15
    return job


def run_plan(place: Workplace) -> None:
    shard = place.next_shard()
    while (shard.kind, shard.state) != ("plan", "queued"):
        shard = place.next_shard()
    shards.run(place.context, shard.id)
    assert place.shard(shard.id).state == "done"


def assert_given(given: list[InputRecord]) -> None:
    assert [one.position for one in given] == list(range(N))
    assert {one.name for one in given} == {f"{n}.bmp" for n in range(N)}
    assert [one.sha256 for one in given] == sorted({str(one.sha256) for one in given})


def test_each_content_without_an_embedding_is_given_to_a_shard_once(
    place: Workplace, job: JobRecord
) -> None:
    plan.run(place.context, place.claim())
    assert_given(place.inputs(job))
    assert place.next_shard().kind == "embed"


def test_an_attempt_goes_on_where_the_last_one_ended(place: Workplace, torn: JobRecord) -> None:
    with place.context.catalog.read() as session:
        [(_, arguments)] = catalog_shards.unfinished(session, torn.id, kinds=["plan"])
    assert arguments == {"after": place.inputs(torn)[-1].sha256}

    run_plan(place)

    assert_given(place.inputs(torn))


def test_a_retry_goes_on_where_the_job_was_cancelled(place: Workplace, torn: JobRecord) -> None:
    with place.context.catalog.write() as session:
        cancel(session, torn.id)
    with place.context.catalog.write() as session:
        again = retry(session, torn.id, place.context.settings)
    run_plan(place)
    assert_given(place.inputs(again))
