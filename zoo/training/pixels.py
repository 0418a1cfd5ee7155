"""The pixels of a dataset, decoded once into a file of bounded size that is mapped into memory."""

from __future__ import annotations

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

    The file at `path` belongs to whoever made the store, and holds nothing that is needed later.
    """

    def __init__(
        self, path: Path, *, read: ReadPicture, n: int, shape: Shape, max_bytes: int
    ) -> None:
        self._read = read
        self.shape = shape
        n_kept = min(n, max_bytes // (3 * shape[0] * shape[1]))
        self._is_kept = np.zeros(n_kept, np.bool_)
        self._kept: PixelArray | None = None
        if n_kept:
            self._kept = np.memmap(path, np.uint8, "w+", shape=(n_kept, *shape, 3))

    def __getitem__(self, place: int) -> PixelArray:
        """The picture at a place, not to be written to."""
        if self._kept is None or place >= len(self._is_kept):
            return self._read(place)
        if not self._is_kept[place]:
            self._kept[place] = self._read(place)
            self._is_kept[place] = True
        found: PixelArray = self._kept[place]
        return found

    def stacked(self, places: Sequence[int] | NDArray[np.int64]) -> PixelArray:
        """Pictures `(n, height, width, 3)`."""
        return np.stack([self[int(place)] for place in places])
