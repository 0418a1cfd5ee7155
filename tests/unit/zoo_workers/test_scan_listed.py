"""Looks at sources that are not mere folders: archives among files, and manifests."""

from pathlib import Path

import pytest

from tests.pictures import tarred
from tests.sourced import counts, examples, ingest
from tests.workplace import Workplace
from zoo.catalog import datasets
from zoo.testing.pictures import picture
from zoo_workers import arriving, scan


@pytest.fixture
def place(reading_place: Workplace) -> Workplace:
    return reading_place


def test_archives_in_a_folder_are_expanded_and_passed_over_the_next_time(
    place: Workplace, root: Path
) -> None:
    tar = {f"owl/{number}.png": picture(number, kind="PNG") for number in (20, 21)}
    (root / "more.tar").write_bytes(tarred(tar))
    assert counts(ingest(place, root)) == {"reused": 8}
    before = examples(place)
    assert before["owl/20.png"][0] == "owl"
    assert counts(ingest(place, root)) == {"reused": 8, "unchanged": 8}

    del tar["owl/20.png"]
    tar["owl/22.png"] = picture(22, kind="PNG")
    (root / "more.tar").write_bytes(tarred(tar) + bytes(1024))
    assert counts(ingest(place, root)) == {"reused": 8, "unchanged": 7, "removed": 1}
    after = examples(place)
    assert after.keys() - before.keys() == {"owl/22.png"}
    assert after["owl/21.png"] == before["owl/21.png"]

    (root / "more.tar").unlink()
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6, "removed": 2}


def test_an_archive_that_breaks_off_lets_nothing_be_taken_for_gone(
    place: Workplace, root: Path
) -> None:
    whole = tarred({f"owl/{n}.png": picture(n, kind="PNG") for n in (20, 21)})
    (root / "more.tar").write_bytes(whole)
    ingest(place, root)
    (root / "more.tar").write_bytes(whole[: len(whole) // 2])
    again = ingest(place, root)
    assert (again.result or {})["removed"] == 0
    assert len(again.warnings) == 1
    assert len(examples(place)) == 8


@pytest.mark.parametrize(
    ("is_there", "code"),
    [(True, "file_changed"), (False, "file_missing")],
    ids=["changed", "gone"],
)
def test_an_archive_that_changes_before_it_is_expanded_fails_alone(
    place: Workplace, root: Path, is_there: bool, code: str
) -> None:
    (root / "more.tar").write_bytes(tarred({"owl/20.png": picture(20, kind="PNG")}))
    job = place.submit_source(root)
    scan.run(place.context, place.claim())
    (root / "more.tar").unlink()
    if is_there:
        (root / "more.tar").write_bytes(tarred({"owl/21.png": picture(21, kind="PNG")}) + b"-")
    place.work()
    assert counts(place.job(job)) == {"reused": 6, "failed": 1}
    [failed] = [one for one in place.inputs(job) if one.state == "failed"]
    assert (failed.name, failed.error_code) == ("more.tar", code)


def test_tars_side_by_side_may_count_their_samples_alike(place: Workplace, root: Path) -> None:
    for tar in ("one", "two"):
        sample = {"0001.png": picture(len(tar) + ord(tar[0]), kind="PNG"), "0001.cls": b"owl"}
        (root / f"{tar}.tar").write_bytes(tarred(sample))
    assert counts(ingest(place, root)) == {"reused": 8}
    with place.context.catalog.read() as session:
        dataset = datasets.get_dataset(session, "pets")
        assert dataset is not None
        assert datasets.count_labels(session, dataset.id, version=1)["owl"] == 2


def test_a_tar_that_is_the_source_gives_its_keys_as_ids(place: Workplace, root: Path) -> None:
    sample = {"0001.png": picture(60, kind="PNG"), "0001.cls": b"owl"}
    (root / "one.tar").write_bytes(tarred(sample))
    ingest(place, root / "one.tar")
    assert examples(place) == {"0001.png": ("owl", "0001")}


def manifest(root: Path, *rows: str) -> Path:
    (root / "list.csv").write_text("\n".join(["path,id,label,split", *rows]))
    return root / "list.csv"


def test_a_manifest_names_label_split_and_id(place: Workplace, root: Path) -> None:
    path = manifest(root, "cat/1.png,one,tom,test", "dog/0.png,,rex,", "dog/2.png,,rex,fourth")
    job = ingest(place, path)
    assert counts(job) == {"reused": 2, "failed": 1}
    found = examples(place)
    assert found["cat/1.png"] == ("tom", "one")
    assert found["dog/0.png"][0] == "rex"
    [failed] = [one for one in place.inputs(job) if one.state == "failed"]
    assert (failed.name, failed.error_code) == ("dog/2.png", "invalid_manifest_row")
    assert failed.error_detail == ("the split 'fourth' is none of train, validation, val, test")


def test_a_split_in_capitals_is_that_split(place: Workplace, root: Path) -> None:
    path = manifest(root, "cat/1.png,,tom,TEST", "dog/0.png,,rex, Train", "dog/2.png,,rex,Val")
    assert counts(ingest(place, path)) == {"reused": 3}
    with place.context.catalog.read() as session:
        dataset = datasets.get_dataset(session, "pets")
        assert dataset is not None
        listed = datasets.list_examples(session, dataset.id, version=1)
    assert {one.name: one.split for one in listed} == {
        "cat/1.png": "test",
        "dog/0.png": "train",
        "dog/2.png": "val",
    }


def test_a_row_that_says_something_else_is_read_again(place: Workplace, root: Path) -> None:
    rows = ["cat/1.png,one,tom,", "dog/0.png,,rex,"]
    ingest(place, manifest(root, *rows))
    before = examples(place)
    again = ingest(place, manifest(root, rows[0].replace("tom", "felix"), rows[1]))
    assert counts(again) == {"reused": 2, "unchanged": 1}
    assert examples(place) == {**before, "cat/1.png": ("felix", "one")}


def test_a_row_that_is_gone_takes_its_example_along(place: Workplace, root: Path) -> None:
    ingest(place, manifest(root, "cat/1.png,one,tom,", "dog/0.png,,rex,"))
    assert counts(ingest(place, manifest(root, "cat/1.png,one,tom,"))) == {
        "reused": 1,
        "unchanged": 1,
        "removed": 1,
    }
    assert examples(place).keys() == {"cat/1.png"}


def test_an_id_that_a_manifest_gives_twice_fails_the_second_time(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for portion in (1, 1000):
        monkeypatch.setattr(arriving, "FILES_A_WRITE", portion)
        job = ingest(place, manifest(root, "cat/1.png,one,tom,", "dog/0.png,one,rex,"))
        [failed] = [one for one in place.inputs(job) if one.state == "failed"]
        assert (failed.name, failed.error_code) == ("dog/0.png", "invalid_manifest_row")


def test_texts_in_a_manifest_become_examples_and_are_passed_over_the_next_time(
    place: Workplace, root: Path
) -> None:
    rows = ["text,label,split,stars", "it broke,bad,test,1", "42,good,,5", ",good,,4", "fine,,,3"]
    table = root / "reviews.csv"
    table.write_text("\n".join(rows))
    first = ingest(place, table)
    before = examples(place)

    assert counts(first) == {"reused": 2, "failed": 2}
    assert sorted(before) == ["42", "it broke"]
    failed = {one.name: one.error_detail for one in place.inputs(first) if one.state == "failed"}
    assert failed == {
        "reviews.csv:4": "it has no path; name a file below the manifest's folder",
        "row 4": "the row has a text and no label",
    }
    with place.context.catalog.read() as session:
        known = datasets.get_dataset(session, "pets")
        assert known is not None
        listed = datasets.list_examples(session, known.id, version=1)
    assert known.kind == "text"
    assert {(one.label, one.split, one.metadata["stars"]) for one in listed} == {
        ("bad", "test", 1),
        ("good", None, 5),
    }

    rows[1] = "it broke at once,bad,test,1"
    table.write_text("\n".join(rows))
    again = ingest(place, table)
    assert counts(again) == {"reused": 2, "unchanged": 1, "failed": 2}
    assert sorted(examples(place)) == ["42", "it broke at once"]
