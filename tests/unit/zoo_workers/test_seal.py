import pytest

from tests.pictures import picture
from tests.workplace import Workplace
from zoo.catalog import datasets
from zoo_workers import check, shards


def run_all(place: Workplace, n: int) -> None:
    for _ in range(n):
        shards.run(place.context, place.next_shard().id)


def test_readable_files_are_sealed_and_the_others_told(place: Workplace) -> None:
    files = [("a.png", "cat", picture(1)), ("b.png", "dog", b"none"), ("c.png", "cat", picture(1))]
    job = place.submit(place.dataset(), place.deliver(files))

    run_all(place, 2)

    ended = place.job(job)
    assert ended.state == "succeeded"
    assert ended.result == {"embedded": 0, "reused": 2, "failed": 1, "dataset_version": 1}
    with place.context.catalog.read() as session:
        version = datasets.get_version(session, "pets", 1)
    assert version is not None
    assert (version.n_items, version.labels, version.job_id) == (2, {"cat": 2}, job.id)


def test_without_a_readable_file_nothing_is_sealed(place: Workplace) -> None:
    job = place.submit(place.dataset(), place.deliver([("b.png", "dog", b"none")]))

    run_all(place, 2)

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "no_item_succeeded")
    assert ended.error_detail == (
        "none of the 1 files given could be used; "
        f"GET /v1/jobs/{job.id}/items?state=failed says why for each"
    )


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_dataset_deleted_meanwhile_ends_the_job_though_its_name_is_taken_again(
    place: Workplace, n_before: int
) -> None:
    dataset_id = place.dataset()
    job = place.submit(dataset_id, place.deliver([("a.png", "cat", picture(1))]))
    run_all(place, n_before)
    with place.context.catalog.write() as session:
        datasets.delete_dataset(session, "pets")
        other = datasets.create_dataset(session, "pets")

    run_all(place, 2 - n_before)

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "dataset_deleted")
    assert ended.error_detail == "dataset 'pets' was deleted while files were being added"
    with place.context.catalog.read() as session:
        assert datasets.list_examples(session, other.id, version=None) == []


def test_a_content_that_was_measured_before_is_not_decoded_again(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = place.dataset()
    files = [("a.png", "cat", picture(1))]
    place.submit(dataset_id, place.deliver(files))
    run_all(place, 2)
    monkeypatch.setattr(check, "read_stored", None)

    job = place.submit(dataset_id, place.deliver(files))
    run_all(place, 2)

    assert (place.job(job).result or {})["dataset_version"] == 2
