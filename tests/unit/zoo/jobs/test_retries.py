from collections.abc import Callable

import pytest

from tests.serving import register_pets
from zoo.catalog import Catalog, datasets, inputs, jobs, models, shards, wake_ups
from zoo.catalog.named_files import named_blobs
from zoo.catalog.records import InputRecord, JobRecord
from zoo.errors import ConflictError
from zoo.jobs import retries
from zoo.jobs.intake import submit_fine_tune
from zoo.jobs.ledger import KEPT, cancel, claim, fail, fence, require
from zoo.jobs.retries import RESUMED, retry, take_over
from zoo.jobs.specs import FineTuneSpec
from zoo.registry.retiring import delete_version
from zoo.settings import Settings

Submit = Callable[[int], JobRecord]


def test_retrying_takes_what_failed_and_nothing_else(
    catalog: Catalog, submit: Submit, settings: Settings
) -> None:
    job = submit(3)
    with catalog.read() as session:
        [(_, shard_id, _)] = wake_ups.take_due(session, 9)
    claimed = claim(catalog, shard_id, worker_id="w", pid=1)
    assert claimed is not None
    with catalog.write() as session:
        fence(session, claimed)
        first, second, _ = inputs.queued_inputs(session, shard_id)
        inputs.set_state(session, job.id, [first.pk], "embedded")
        inputs.set_failed(session, job.id, [second.pk], code="truncated_image", detail="cut off")
        fail(session, claimed, code="internal_error", detail="odd", result=None)

    with catalog.write() as session:
        again = retry(session, job.id, settings)
        found = inputs.list_inputs(session, again.id, after=-1, limit=9, state=None)

    assert again.parent_job_id == job.id
    assert [(one.name, one.state) for one in found] == [("1.jpg", "queued"), ("2.jpg", "queued")]
    assert {one.item_id for one in found} < {one.item_id for one in _inputs(catalog, job.id)}


def test_a_live_job_cannot_be_retried(
    catalog: Catalog, submit: Submit, settings: Settings
) -> None:
    job = submit(1)
    with pytest.raises(ConflictError) as raised, catalog.write() as session:
        retry(session, job.id, settings)
    assert raised.value.code == "job_not_ended"


def test_a_cancelled_job_can_be_retried_whole(
    catalog: Catalog, submit: Submit, settings: Settings
) -> None:
    job = submit(5)
    with catalog.write() as session:
        cancel(session, job.id)
    with catalog.write() as session:
        again = retry(session, job.id, settings)
        assert inputs.count_states(session, again.id) == {"queued": 5}


def test_a_retry_holds_the_version_that_it_goes_by(catalog: Catalog, settings: Settings) -> None:
    register_pets(catalog, job_id="a")
    with catalog.write() as session:
        dataset = datasets.create_dataset(session, "d")
        spec = FineTuneSpec(dataset="d", model="pets:1:bf16", name="mine")
        work = {"dataset_id": dataset.id, "model": "pets:1:bf16"}
        job = submit_fine_tune(session, spec, work=work)
        jobs.end_job(session, job.id, state="failed")
        pets = models.get_model(session, "pets")
    assert pets is not None
    with catalog.write() as session:
        again = retry(session, job.id, settings)
    with catalog.write() as session:
        with pytest.raises(ConflictError) as used:
            delete_version(session, pets, 1)
        jobs.end_job(session, again.id, state="failed")
        delete_version(session, pets, 1)

    with catalog.write() as session, pytest.raises(ConflictError) as gone:
        retry(session, job.id, settings)

    assert used.value.code == "model_in_use"
    assert (gone.value.code, gone.value.detail) == (
        "model_deleted",
        "model 'pets:1' was deleted before the job was done with it",
    )


def test_of_much_the_rest_is_left_to_a_shard(
    catalog: Catalog, submit: Submit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "INPUTS_A_WRITE", 2)
    job = submit(5)
    with catalog.write() as session:
        cancel(session, job.id)
    taken, after = [], -1
    with catalog.write() as session:
        again = retry(session, job.id, settings)
        [(kind, arguments)] = shards.unfinished(session, again.id, kinds=RESUMED)
        while after is not None:
            after = take_over(session, again, job.id, after=after, settings=settings)
            taken.append(after)

    assert (kind, arguments) == ("resume", {"job": job.id, "after": 1})
    assert taken == [1, 3, None]
    assert [one.position for one in _inputs(catalog, again.id)] == list(range(7))


def _inputs(catalog: Catalog, job_id: str) -> list[InputRecord]:
    with catalog.read() as session:
        return inputs.list_inputs(session, job_id, after=-1, limit=99, state=None)


CHECKPOINT = {"key": "checkpoints/1", "sha256": "0" * 64}


@pytest.fixture
def trained(catalog: Catalog) -> str:
    """The id of a fine-tune job that failed while it trained."""
    with catalog.write() as session:
        dataset = datasets.create_dataset(session, "pets")
        spec = FineTuneSpec(dataset="pets", model="lite.a", name="mine")
        job = submit_fine_tune(session, spec, work={"dataset_id": dataset.id})
        shards.add_shard(session, job.id, "train", arguments={"checkpoint": CHECKPOINT})
        jobs.end_job(session, job.id, state="failed")
    return job.id


def fail_early(catalog: Catalog, job_id: str) -> None:
    """End a job before its training begins."""
    with catalog.write() as session:
        shards.drop_queued(session, job_id, state="cancelled")
        jobs.end_job(session, job_id, state="failed")


def test_a_retry_of_a_retry_that_ended_before_training_goes_on_from_the_checkpoint(
    catalog: Catalog, settings: Settings, trained: str
) -> None:
    kept, job_id = [], trained
    for _ in range(3):
        with catalog.write() as session:
            job_id = retry(session, job_id, settings).id
        fail_early(catalog, job_id)
        with catalog.read() as session:
            kept.append(require(session, job_id).work[KEPT])
            assert CHECKPOINT["key"] in named_blobs(session)
    assert kept == [{"checkpoint": CHECKPOINT}] * 3


def test_of_two_retries_of_a_job_one_has_its_checkpoint(
    catalog: Catalog, settings: Settings, trained: str
) -> None:
    with catalog.write() as session:
        first = retry(session, trained, settings)
    fail_early(catalog, first.id)
    with catalog.write() as session:
        found = [retry(session, one, settings).work[KEPT] for one in (first.id, first.id, trained)]
    assert found == [{"checkpoint": CHECKPOINT}, {}, {}]
