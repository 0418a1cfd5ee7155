import os
from pathlib import Path

import pytest

from zoo.client import pack_folder
from zoo.errors import InvalidError


def test_a_folder_without_pictures_says_what_one_has(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(InvalidError) as caught:
        pack_folder(tmp_path, tmp_path / "made.zip")
    assert caught.value.detail == (
        f"the folder {tmp_path} holds no picture and no table; a dataset's has a folder of "
        "pictures for each label, or a table with a column 'path'"
    )
    assert not (tmp_path / "made.zip").exists()


def test_a_name_that_no_archive_can_hold_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    (folder / os.fsdecode(b"a\xff.png")).write_bytes(b"")
    with pytest.raises(InvalidError, match="is not UTF-8; rename it") as caught:
        pack_folder(tmp_path, tmp_path / "made.zip")
    assert caught.value.code == "invalid_name"
