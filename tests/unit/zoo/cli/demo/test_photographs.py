import io
from pathlib import Path

import pytest
from PIL import Image

from zoo.cli.demo.photographs import FAVOURITES, choose, crop
from zoo.errors import InvalidError


def save_picture(path: Path, size: tuple[int, int] = (32, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path)


def test_without_a_folder_the_photographs_of_installed_packages_are_shown() -> None:
    photographs = choose(None)

    names = {upload.name for upload in photographs.uploads}
    assert {"astronaut.png", "china.jpg", "README.txt"} <= names
    assert {upload.name for upload in photographs.favourites} == set(FAVOURITES)
    assert len(names) == len(photographs.uploads) >= 15


def test_of_a_folder_the_favourites_are_pictures_that_open(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    save_picture(tmp_path / "sub" / "cat.png")

    photographs = choose(tmp_path)

    assert [upload.name for upload in photographs.uploads] == ["broken.jpg", "sub/cat.png"]
    assert [upload.name for upload in photographs.favourites] == ["sub/cat.png"]
    assert photographs.note == ""


def test_a_folder_in_which_nothing_opens_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")

    with pytest.raises(InvalidError) as caught:
        choose(tmp_path)

    assert caught.value.detail == (f"none of the 1 files in {tmp_path} can be opened as a picture")


def test_sub_folders_that_look_like_labels_are_pointed_out(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for number in range(4):
            save_picture(tmp_path / label / f"{number}.png")

    assert choose(tmp_path).note.startswith(f"{tmp_path} has 2 sub-folders that could be labels")


def test_a_crop_is_the_middle_made_smaller_and_another_file(tmp_path: Path) -> None:
    picture = tmp_path / "wide.png"
    save_picture(picture, size=(1000, 500))

    with Image.open(io.BytesIO(crop(picture))) as part:
        assert part.size == (256, 128)
        assert part.format == "JPEG"
