"""Decoded pictures are kept in a file without a name, and a full disk is an error."""

import errno
import gc
import os
from pathlib import Path

import numpy as np
import pytest

from zoo.training.pixels import PictureStore

SHAPE = (4, 6)


def picture(place: int) -> np.ndarray:
    return np.full((*SHAPE, 3), place, np.uint8)


def test_each_picture_is_read_once_and_nothing_is_left_of_the_file(tmp_path: Path) -> None:
    read: list[int] = []

    def note(place: int) -> np.ndarray:
        read.append(place)
        return picture(place)

    store = PictureStore(tmp_path / "pixels", read=note, n=5, shape=SHAPE, max_bytes=4 * 72)
    assert list(tmp_path.iterdir()) == []
    for place in (3, 0, 3, 4, 4):
        assert np.array_equal(store[place], picture(place))
    assert read == [3, 0, 4, 4]  # there is no room for the fifth
    assert store.stacked([0, 3]).shape == (2, *SHAPE, 3)

    descriptor = store._file
    del store
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_full_disk_is_an_error_and_no_dead_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_file: int, _content: memoryview, _at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = PictureStore(tmp_path / "pixels", read=picture, n=2, shape=SHAPE, max_bytes=1000)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", no_room)
        with pytest.raises(OSError, match="No space left"):
            store[1]
    assert np.array_equal(store[1], picture(1))
