import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.contest import tiny


def test_no_two_pictures_are_alike_and_all_can_be_read():
    made = dict(tiny.pictures(0, 300))

    assert len(set(made.values())) == 300
    with Image.open(io.BytesIO(made[7])) as opened:
        opened.load()
        assert (opened.format, opened.size) == ("BMP", (8, 8))


def test_a_number_gives_the_same_picture_wherever_a_run_begins():
    assert dict(tiny.pictures(5, 3))[6] == dict(tiny.pictures(0, 10))[6]


def test_tars_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tiny, "A_TAR", 4)

    tiny.write_tars(tmp_path / "tars", 2, 10)

    paths = sorted((tmp_path / "tars").iterdir())
    names = []
    for path in paths:
        with tarfile.open(path) as archive:
            names.append(archive.getnames())
    assert [len(found) for found in names] == [4, 4, 2]
    assert names[0][0] == "000000002.bmp"
