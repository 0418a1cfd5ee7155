"""Later looks at a source: what is in as it is stays as people have changed it."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.pictures import tarred, zipped
from tests.sourced import contents, counts, examples, ingest, relabel
from tests.workplace import Workplace
from zoo.images.sources.folders import LocalFolder
from zoo.jobs.ledger import fail
from zoo.jobs.retries import retry
from zoo.testing.pictures import picture
from zoo_workers import arriving, scan


@pytest.fixture
def place(reading_place: Workplace) -> Workplace:
    return reading_place


def touch(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_file_with_another_time_and_the_same_bytes_leaves_what_people_said_of_it(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(place, root)
    relabel(place, "cat/1.png", "lynx")
    before = examples(place)
    touch(root / "cat/1.png")
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6}
    assert examples(place) == before
    monkeypatch.setattr(LocalFolder, "read", None)  # its new time is known by now
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6}


@pytest.mark.parametrize("more", [b"", b"1"], ids=["as it was", "touched"])
def test_an_archive_that_is_read_again_leaves_what_people_said_of_its_files(
    place: Workplace, root: Path, more: bytes
) -> None:
    members = {f"owl/{n}.png": picture(n, kind="PNG") for n in (20, 21)}
    (root / "more.tar").write_bytes(tarred({**members, "owl/notes.txt": b"no picture"}))
    assert counts(ingest(place, root)) == {"reused": 8, "failed": 1}
    relabel(place, "owl/20.png", "eagle")
    before = examples(place)
    if more:
        touch(root / "more.tar")
    assert counts(ingest(place, root)) == {"reused": 8, "unchanged": 8, "failed": 1}
    assert examples(place) == before


def test_a_manifest_in_an_archive_that_says_something_else_is_heard(
    place: Workplace, root: Path
) -> None:
    files = {f"{n}.png": picture(n, kind="PNG") for n in (20, 21)}
    rows = "path,id,label\n20.png,a,owl\n21.png,b,{}\n"
    for label, n_unchanged in (("owl", 0), ("eagle", 1)):
        listed = {**files, "list.csv": rows.format(label).encode()}
        (root / "more.zip").write_bytes(zipped(listed))
        found = counts(ingest(place, root / "more.zip"))
        assert found.get("unchanged", 0) == n_unchanged
    assert {name: label for name, (label, _) in examples(place).items()} == {
        "20.png": "owl",
        "21.png": "eagle",
    }


def test_a_row_whose_id_moves_to_a_copy_elsewhere_is_taken_from_there(
    place: Workplace, root: Path
) -> None:
    (root / "list.csv").write_text("path,id\ncat/1.png,one\ndog/0.png,two\n")
    ingest(place, root / "list.csv")
    (root / "cat/1.png").rename(root / "dog/1.png")
    (root / "list.csv").write_text("path,id\ndog/1.png,one\ndog/0.png,two\n")
    assert counts(ingest(place, root / "list.csv")) == {"reused": 2, "unchanged": 1}
    assert examples(place)["dog/1.png"] == ("dog", "one")


def twice(name: str, *contents: bytes) -> bytes:
    """A tar that has a name more than once."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for content in contents:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_of_a_name_that_an_archive_has_twice_the_last_file_counts_at_every_look(
    place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = picture(21, kind="PNG")
    archive = twice("owl/1.png", picture(20, kind="PNG"), last)
    for number, portion in enumerate((1000, 1000, 1)):
        monkeypatch.setattr(arriving, "FILES_A_WRITE", portion)
        (root / "more.tar").write_bytes(archive + bytes(512 * number))
        ingest(place, root / "more.tar")
        assert contents(place) == {"owl/1.png": hashlib.sha256(last).hexdigest()}


NONE_USABLE = (
    "none of the {} entries of the source could be used, so nothing was taken for gone; "
    "if its files lie on another disk, was that unmounted?"
)


def test_a_manifest_whose_pictures_are_all_away_removes_none_of_them(
    place: Workplace, root: Path
) -> None:
    (root / "list.csv").write_text("path,label\ncat/1.png,cat\ncat/3.png,cat\n")
    ingest(place, root / "list.csv")
    before = examples(place)
    (root / "cat").rename(root / "elsewhere")
    away = ingest(place, root / "list.csv")
    assert (away.state, away.error_code) == ("failed", "no_item_succeeded")
    assert (away.result or {})["removed"] == 0
    assert away.warnings == [NONE_USABLE.format(2)]
    assert examples(place) == before
    (root / "elsewhere").rename(root / "cat")
    assert counts(ingest(place, root / "list.csv")) == {"reused": 2, "unchanged": 2}


def test_a_stray_file_where_a_disk_was_lets_nothing_be_taken_for_gone(
    place: Workplace, root: Path, tmp_path: Path
) -> None:
    ingest(place, root)
    before = examples(place)
    root.rename(tmp_path / "elsewhere")
    root.mkdir()
    (root / "README").write_text("mount the disk of pictures here")
    away = ingest(place, root)
    assert away.warnings == [NONE_USABLE.format(1)]
    assert examples(place) == before


def test_a_first_look_that_can_use_nothing_warns_of_nothing(place: Workplace, root: Path) -> None:
    (root / "none").mkdir()
    (root / "none/README").write_text("hello")
    assert ingest(place, root / "none").warnings == []


def test_what_is_gone_beside_a_file_that_can_be_used_is_removed(
    place: Workplace, root: Path
) -> None:
    (root / "list.csv").write_text("path,label\ncat/1.png,cat\ncat/3.png,cat\n")
    ingest(place, root / "list.csv")
    (root / "cat/1.png").unlink()
    again = counts(ingest(place, root / "list.csv"))
    assert again == {"reused": 1, "unchanged": 1, "failed": 1, "removed": 1}


def test_an_example_goes_with_its_file_though_that_was_spoilt_before(
    place: Workplace, root: Path
) -> None:
    ingest(place, root)
    before = examples(place)
    (root / "cat/1.png").write_bytes(b"no picture any more")
    for _ in range(2):
        spoilt = counts(ingest(place, root))
        assert spoilt == {"reused": 5, "unchanged": 5, "failed": 1}
    assert examples(place) == before
    (root / "cat/1.png").unlink()
    assert counts(ingest(place, root)) == {"reused": 5, "unchanged": 5, "removed": 1}
    assert examples(place).keys() == before.keys() - {"cat/1.png"}


def test_a_file_that_is_mended_has_its_example_as_it_was(place: Workplace, root: Path) -> None:
    ingest(place, root)
    relabel(place, "cat/1.png", "lynx")
    before = examples(place)
    for content in (b"", bytes(place.context.settings.max_image_bytes + 1), b"no picture"):
        (root / "cat/1.png").write_bytes(content)
        assert counts(ingest(place, root)) == {"reused": 5, "unchanged": 5, "failed": 1}
        assert examples(place) == before
    (root / "cat/1.png").write_bytes(picture(1, kind="PNG"))
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6}
    assert examples(place) == before


def test_a_picture_whose_path_becomes_an_archive_is_gone(place: Workplace, root: Path) -> None:
    (root / "cat/f").write_bytes(picture(20, kind="PNG"))
    ingest(place, root)
    (root / "cat/f").write_bytes(zipped({"owl/q.png": picture(21, kind="PNG")}))
    assert counts(ingest(place, root)) == {"reused": 7, "unchanged": 6, "removed": 1}
    assert counts(ingest(place, root)) == {"reused": 7, "unchanged": 7}
    (root / "cat/f").write_bytes(picture(22, kind="PNG"))
    assert counts(ingest(place, root)) == {"reused": 7, "unchanged": 6, "removed": 1}
    assert counts(ingest(place, root)) == {"reused": 7, "unchanged": 7}
    (root / "cat/f").unlink()
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6, "removed": 1}


def numbered(number: int) -> bytes:
    """A zip whose manifest gives the id `one` to a picture."""
    listed = b"path,id,label\na.png,one,owl\n"
    return zipped({"list.csv": listed, "a.png": picture(number, kind="PNG")})


@pytest.mark.parametrize("numbers", [(20, 21), (20, 20)], ids=["others", "the same"])
def test_archives_side_by_side_that_give_the_same_id_do_not_lose_it(
    place: Workplace, root: Path, numbers: tuple[int, int]
) -> None:
    for name, number in zip(("a.zip", "b.zip"), numbers, strict=True):
        (root / name).write_bytes(numbered(number))
    assert counts(ingest(place, root)) == {"reused": 8}
    relabel(place, "a.png", "eagle")
    first = contents(place)
    assert counts(ingest(place, root)) == {"reused": 8, "unchanged": 8}
    assert (contents(place), examples(place)["a.png"]) == (first, ("eagle", "one"))
    (root / "b.zip").unlink()
    assert counts(ingest(place, root)) == {"reused": 7, "unchanged": 7}
    assert contents(place) == first
    ingest(place, root)
    assert contents(place)["a.png"] == hashlib.sha256(picture(20, kind="PNG")).hexdigest()
    (root / "a.zip").unlink()
    assert counts(ingest(place, root)) == {"reused": 6, "unchanged": 6, "removed": 1}
    assert "a.png" not in examples(place)


@pytest.mark.parametrize("has_more", [True, False])
def test_a_look_that_only_removes_ends_well(place: Workplace, root: Path, has_more: bool) -> None:
    if has_more:
        ingest(place, root)
    (root / "all.zip").write_bytes(zipped({"owl/1.png": picture(20, kind="PNG")}))
    ingest(place, root / "all.zip")
    before = examples(place)
    (root / "all.zip").write_bytes(zipped({}))
    again = ingest(place, root / "all.zip")
    assert counts(again) == {"removed": 1}
    assert ("dataset_version" in (again.result or {})) is has_more
    assert examples(place).keys() == before.keys() - {"owl/1.png"}
    assert counts(ingest(place, root / "all.zip")) == {}


def test_a_retry_of_an_archive_all_of_which_is_in_ends_well(place: Workplace, root: Path) -> None:
    members = {f"owl/{n}.png": picture(n, kind="PNG") for n in (20, 21)}
    (root / "more.tar").write_bytes(tarred(members))
    ingest(place, root / "more.tar")
    touch(root / "more.tar")
    job = place.submit_source(root / "more.tar")
    scan.run(place.context, place.claim())
    claimed = place.claim()
    with place.context.catalog.write() as session:
        fail(session, claimed, code="worker_died", detail="it died", result=None)
    with place.context.catalog.write() as session:
        again = retry(session, job.id, place.context.settings)
    place.work()
    assert counts(place.job(again)) == {"reused": 2, "unchanged": 2}
