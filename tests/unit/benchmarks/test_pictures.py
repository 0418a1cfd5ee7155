import zipfile
from pathlib import Path

import pytest

from benchmarks.contest.pictures import NoPicturesError, altered, gather, pack
from tests.pictures import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photographs, and a file that only looks like one."""
    made = tmp_path / "photographs"
    made.mkdir()
    for seed in range(3):
        (made / f"{seed}.jpg").write_bytes(picture(seed))
    (made / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return made


def test_a_folder_with_too_few_pictures_is_filled_up_with_copies_of_other_content(
    folder: Path, tmp_path: Path
):
    pictures, others = gather(folder, sizes=(100, 20), into=tmp_path / "made")

    contents = {path.read_bytes() for path in (*pictures.paths, *others.paths)}
    assert len(contents) == 120
    assert picture(0) in contents
    assert pictures.names == tuple(sorted(pictures.names))


def test_what_is_made_of_a_set_that_was_made_is_of_other_content_too(folder: Path, tmp_path: Path):
    (made,) = gather(folder, sizes=(9,), into=tmp_path / "made")

    pictures, others = gather(made.folder, sizes=(9, 9), into=tmp_path / "again")

    assert len({path.read_bytes() for path in (*pictures.paths, *others.paths)}) == 18


def test_a_folder_with_enough_pictures_is_taken_as_it_is(folder: Path, tmp_path: Path):
    (pictures,) = gather(folder, sizes=(2,), into=tmp_path / "made")

    originals = [picture(0), picture(1)]
    assert [path.read_bytes() for path in pictures.paths] == originals


def test_a_copy_of_a_tiny_picture_keeps_some_of_it():
    copy = altered(picture(width=3, height=2, kind="PNG"), turn=1)

    assert copy.startswith(b"\xff\xd8\xff")


def test_a_folder_without_pictures_is_refused(tmp_path: Path):
    with pytest.raises(NoPicturesError, match=r"no picture in .* can be read; it should hold"):
        gather(tmp_path, sizes=(1,), into=tmp_path / "made")


def test_an_archive_holds_the_pictures_under_their_names(folder: Path, tmp_path: Path):
    (pictures,) = gather(folder, sizes=(4,), into=tmp_path / "made")

    pack(pictures, tmp_path / "all.zip")

    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert tuple(archive.namelist()) == pictures.names
