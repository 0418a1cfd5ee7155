import os
import resource
from pathlib import Path

import pytest

from tests.sourced import counts, examples, ingest
from tests.workplace import Workplace
from zoo.catalog import datasets, jobs
from zoo.errors import ClaimLostError, ConflictError, InvalidError
from zoo.jobs.ledger import cancel, give_back
from zoo.jobs.retries import retry
from zoo.testing.pictures import picture
from zoo_workers import arriving, scan, shards


@pytest.fixture
def place(reading_place: Workplace) -> Workplace:
    return reading_place


def test_a_folder_becomes_a_dataset_whose_labels_are_its_folders(
    place: Workplace, root: Path
) -> None:
    assert counts(ingest(place, root)) == {"reused": 6}
    assert {name: label for name, (label, _) in examples(place).items()} == {
        **{f"dog/{number}.png": "dog" for number in (0, 2, 4)},
        **{f"cat/{number}.png": "cat" for number in (1, 3, 5)},
    }
    assert list(place.context.blobs.keys("packs/")) == []


def test_copies_go_into_packs(place: Workplace, root: Path) -> None:
    ingest(place, root, copy=True)
    assert len(list(place.context.blobs.keys("packs/"))) == 1


def test_asking_for_copies_later_makes_them(place: Workplace, root: Path) -> None:
    ingest(place, root)
    assert counts(ingest(place, root, copy=True)) == {"reused": 6, "unchanged": 6}
    assert len(list(place.context.blobs.keys("packs/"))) == 1
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6}


def test_a_second_look_takes_what_is_new_changed_or_gone(place: Workplace, root: Path) -> None:
    ingest(place, root)
    before = examples(place)
    (root / "cat/1.png").unlink()
    (root / "cat/3.png").write_bytes(picture(33, kind="PNG"))
    (root / "cat/7.png").write_bytes(picture(7, kind="PNG"))
    again = ingest(place, root)
    assert counts(again) == {"reused": 6, "unchanged": 4, "removed": 1}
    after = examples(place)
    assert after.keys() == before.keys() - {"cat/1.png"} | {"cat/7.png"}
    assert all(after[name] == before[name] for name in after.keys() & before.keys())
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6}


def test_a_look_that_could_not_see_everything_removes_nothing(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(place, root)
    (root / "cat/1.png").unlink()
    monkeypatch.setattr("zoo.images.sources.folders.MAX_DEPTH", 1)
    (root / "dog/deep/deeper").mkdir(parents=True)
    again = ingest(place, root)
    assert counts(again) == {"reused": 5, "unchanged": 5, "failed": 1}
    assert again.warnings == [
        "1 entries of the source could not be read, so nothing was taken for gone; see the "
        "failed inputs, and ingest it again once they are mended"
    ]
    assert "cat/1.png" in examples(place)


def test_a_folder_that_is_suddenly_empty_is_an_error_and_removes_nothing(
    place: Workplace, root: Path
) -> None:
    ingest(place, root)
    for path in root.rglob("*.png"):
        path.unlink()
    again = ingest(place, root)
    assert (again.state, again.error_code) == ("failed", "source_empty")
    assert again.error_detail == (
        f"there is no file at {root}; if something was there before, was it unmounted? "
        "Nothing was removed"
    )
    assert len(examples(place)) == 6


def test_a_root_that_went_fails_the_job_plainly(place: Workplace, root: Path) -> None:
    job = place.submit_source(root)
    root.rename(root.with_name("elsewhere"))
    place.work()
    assert place.job(job).error_code == "source_not_found"


def test_a_look_goes_on_where_its_process_died(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "FILES_A_WRITE", 2)
    job = place.submit_source(root)
    claimed = place.claim()
    taking = scan._take
    portions = iter(range(9))

    def die_in_the_third(*given: object) -> object:
        if next(portions) == 2:
            raise KeyboardInterrupt
        return taking(*given)  # type: ignore[arg-type]  # as they came

    with monkeypatch.context() as patched:
        patched.setattr(scan, "_take", die_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            scan.run(place.context, claimed)
    assert [one.name for one in place.inputs(job)] == [
        "cat/1.png",
        "cat/3.png",
        "cat/5.png",
        "dog/0.png",
    ]
    with place.context.catalog.write() as session:
        give_back(session, [claimed.shard])
    place.work()

    assert counts(place.job(job)) == {"reused": 6}
    assert len(place.inputs(job)) == 6
    assert place.shard(claimed.shard.id).arguments == {
        "after": "dog/4.png",
        "found": 6,
        "unchanged": 0,
        "is_complete": True,
    }


def test_a_process_that_lost_its_claim_writes_nothing_more(place: Workplace, root: Path) -> None:
    job = place.submit_source(root)
    claimed = place.claim()
    with place.context.catalog.write() as session:
        give_back(session, [claimed.shard])
    with pytest.raises(ClaimLostError):
        scan.run(place.context, claimed)
    assert place.inputs(job) == []


def test_a_portion_is_bounded_in_bytes(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "BYTES_A_WRITE", 1)
    ingest(place, root, copy=True)
    assert len(list(place.context.blobs.keys("packs/"))) == 6


def test_a_cancelled_look_stops_after_a_portion(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "FILES_A_WRITE", 2)
    job = place.submit_source(root)
    claimed = place.claim()
    with place.context.catalog.write() as session:
        cancel(session, job.id)
    scan.run(place.context, claimed)
    assert place.job(job).state == "cancelled"
    assert len(place.inputs(job)) == 2


def test_a_retry_of_a_look_that_was_cut_short_looks_from_the_start(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(arriving, "FILES_A_WRITE", 2)
        job = place.submit_source(root)
        claimed = place.claim()
        with place.context.catalog.write() as session:
            cancel(session, job.id)
        scan.run(place.context, claimed)
    with place.context.catalog.write() as session:
        again = retry(session, job.id, place.context.settings)
    place.work()
    assert again.parent_job_id == job.id
    assert counts(place.job(again)) == {"reused": 6}


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_dataset_deleted_meanwhile_ends_the_job_and_the_next_one_gets_nothing(
    place: Workplace, root: Path, n_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "FIRST_FILES", 2)
    job = place.submit_source(root)
    taking, portions = scan._take, iter(range(9))

    def delete_first(*given: object) -> object:
        if next(portions) == n_before:
            with place.context.catalog.write() as session:
                datasets.delete_dataset(session, "pets")
            place.submit_source(root)
        return taking(*given)  # type: ignore[arg-type]  # as they came

    with monkeypatch.context() as patched:
        patched.setattr(scan, "_take", delete_first)
        shards.run(place.context, place.next_shard().id)

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "dataset_deleted")
    assert ended.error_detail == "dataset 'pets' was deleted before the job was done with it"
    assert examples(place) == {}
    with pytest.raises(ConflictError) as caught, place.context.catalog.write() as session:
        retry(session, job.id, place.context.settings)
    assert (caught.value.code, caught.value.detail) == ("dataset_deleted", ended.error_detail)


def test_a_file_that_is_deleted_before_it_is_decoded_is_a_failed_input(
    place: Workplace, root: Path
) -> None:
    job = place.submit_source(root)
    scan.run(place.context, place.claim())
    (root / "cat/1.png").unlink()
    (root / "cat/3.png").write_bytes(picture(99, kind="PNG"))
    place.work()
    failed = {one.name: one.error_code for one in place.inputs(job) if one.state == "failed"}
    assert failed == {"cat/1.png": "file_missing", "cat/3.png": "file_changed"}
    assert counts(place.job(job)) == {"reused": 4, "failed": 2}


def test_what_cannot_be_used_fails_alone(place: Workplace, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture(1, kind="PNG"))
    (root / "cat/link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(root / "cat/pipe.png")
    (root / "cat/empty.png").touch()
    (root / "cat/text.png").write_bytes(b"no picture")
    (root / "loose.png").write_bytes(picture(50, kind="PNG"))
    with (root / "cat/large.png").open("wb") as file:
        file.truncate(place.context.settings.max_image_bytes + 1)
    job = ingest(place, root)
    assert counts(job) == {"reused": 6, "failed": 6}
    failed = {one.name: one.error_code for one in place.inputs(job) if one.state == "failed"}
    assert failed == {
        "cat/link.png": "not_a_file",
        "cat/pipe.png": "not_a_file",
        "cat/empty.png": "empty_file",
        "cat/text.png": "not_an_image",
        "loose.png": "no_label",
        "cat/large.png": "file_too_large",
    }


def test_a_manifest_without_paths_fails_the_job(place: Workplace, root: Path) -> None:
    (root / "list.csv").write_text("file,label\na,b\n")
    job = ingest(place, root / "list.csv")
    assert (job.state, job.error_code) == ("failed", "invalid_manifest")


def test_a_source_that_is_none_is_refused(place: Workplace, root: Path) -> None:
    job = place.submit_source(root.parent)
    with pytest.raises(InvalidError) as caught:
        scan.run(place.context, place.claim())
    assert caught.value.code == "source_not_allowed"
    with place.context.catalog.read() as session:
        assert jobs.get_job(session, job.id) is not None


@pytest.mark.slow
def test_a_look_at_many_files_holds_none_of_them(place: Workplace, root: Path) -> None:
    for number in range(20_000):
        (root / "cat" / f"{number:05}.png").write_bytes(b"%d" % number)
    place.submit_source(root)
    claimed = place.claim()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scan.run(place.context, claimed)
    assert place.shard(claimed.shard.id).arguments["found"] == 20_006
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB
