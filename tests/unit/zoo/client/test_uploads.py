import os
from pathlib import Path

import pytest

from zoo.client import gather
from zoo.client.uploads import BATCH_BYTES, Upload, batches
from zoo.errors import InvalidError


def test_a_folder_gives_its_pictures_and_archives_by_their_place_in_it(tmp_path: Path) -> None:
    for name in ("b.PNG", "sub/a.jpg", "more.zip", "old.tar.gz", "notes.txt", "notes.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")

    assert [upload.name for upload in gather([tmp_path])] == [
        "b.PNG",
        "more.zip",
        "old.tar.gz",
        "sub/a.jpg",
    ]


def test_a_name_that_is_not_utf_8_is_sent_as_far_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(b"x")

    [from_folder] = gather([tmp_path])
    [by_itself] = gather([path])

    assert (from_folder.path, from_folder.name) == (path, "caf\N{REPLACEMENT CHARACTER}.png")
    assert by_itself == from_folder


def test_a_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"x")

    assert gather([path]) == (Upload(path=path, name="notes.txt"),)


def test_a_folder_without_pictures_and_a_missing_path_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidError) as caught:
        gather([tmp_path])
    assert caught.value.detail == (
        f"the folder {tmp_path} holds no picture; looked for "
        "avif, bmp, gif, jfif, jpeg, jpg, mpo, png, tif, tiff, webp"
    )
    with pytest.raises(InvalidError) as caught:
        gather([tmp_path / "gone"])
    assert caught.value.detail == f"there is no file or folder {tmp_path / 'gone'}"


def test_large_files_make_small_batches(tmp_path: Path) -> None:
    uploads = []
    for number in range(3):
        path = tmp_path / f"{number}.tif"
        with path.open("wb") as sparse:
            sparse.truncate(BATCH_BYTES // 2 + 1)
        uploads.append(Upload(path=path, name=path.name))

    assert [len(batch) for batch in batches(uploads)] == [1, 1, 1]


def test_a_file_that_went_away_is_told_when_it_is_sent(tmp_path: Path) -> None:
    upload = Upload(path=tmp_path / "gone.jpg", name="gone.jpg")

    for look in (upload.open, lambda: list(batches([upload, upload]))):
        with pytest.raises(InvalidError) as caught:
            look()

        assert caught.value.detail == (
            f"{tmp_path / 'gone.jpg'} cannot be read: No such file or directory"
        )
