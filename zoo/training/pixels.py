"""The pixels of a dataset, decoded once into a file of bounded size that is mapped into memory."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PixelArray = NDArray[np.uint8]
Shape = tuple[int, int]
ReadPicture = Callable[[int], PixelArray]
"""Decodes the picture at a place: uint8 `(height, width, 3)`, the same bits each time."""


class PictureStore:
    """Pictures of one shape by their place; those that do not fit the file are decoded anew.

    The file made at `path` has no name as soon as it is open, so that nothing is left of it
    however the process ends. Raises `OSError` where the disk has no room for a picture.
    """

    def __init__(
        self, path: Path, *, read: ReadPicture, n: int, shape: Shape, max_bytes: int
    ) -> None:
        self._read = read
        self.shape = shape
        self._size = 3 * shape[0] * shape[1]
        n_kept = min(n, max_bytes // self._size)
        self._is_kept = np.zeros(n_kept, np.bool_)
        self._kept = np.empty((0, *shape, 3), np.uint8)
        if n_kept:
            self._file = _nameless(path, n_kept * self._size)
            weakref.finalize(self, os.close, self._file)
            held = mmap.mmap(self._file, n_kept * self._size)  # nobody writes by it
            self._kept = np.frombuffer(held, np.uint8).reshape(n_kept, *shape, 3)

    def __getitem__(self, place: int) -> PixelArray:
        """The picture at a place, not to be written to."""
        if place >= len(self._is_kept):
            return self._read(place)
        if not self._is_kept[place]:
            self._keep(place, self._read(place))
        found: PixelArray = self._kept[place]
        return found

    def stacked(self, places: Sequence[int] | NDArray[np.int64]) -> PixelArray:
        """Pictures `(n, height, width, 3)`."""
        return np.stack([self[int(place)] for place in places])

    def _keep(self, place: int, picture: PixelArray) -> None:
        # Written, not mapped: a full disk is an error then, and not the end of the process.
        content = np.ascontiguousarray(picture).data.cast("B")
        at = place * self._size
        while content:
            written = os.pwrite(self._file, content, at)
            content, at = content[written:], at + written
        self._is_kept[place] = True


def _nameless(path: Path, size_bytes: int) -> int:
    """A new file of that size, open to read and write, that goes when it is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    path.unlink()
    os.ftruncate(descriptor, size_bytes)
    return descriptor
