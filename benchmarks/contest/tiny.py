"""Any number of tiny pictures, no two alike, in tars as WebDataset cuts them."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SIDE = 8
PIXELS_BYTES = 3 * SIDE * SIDE  # rows of 24 bytes need no padding
HEAD = struct.pack(
    "<2sIHHIIiiHHIIiiII",
    b"BM",
    54 + PIXELS_BYTES,
    0,
    0,
    54,
    *(40, SIDE, SIDE, 1, 24, 0, PIXELS_BYTES, 2835, 2835, 0, 0),
)
"""Of a BMP, which costs next to nothing to make and to decode."""
A_TAR = 10_000


def write_tars(folder: Path, first: int, n: int) -> None:
    """Pictures `first` to `first + n - 1`, a tar for each `A_TAR` of them."""
    folder.mkdir(parents=True)
    for start in range(first, first + n, A_TAR):
        size = min(A_TAR, first + n - start)
        with tarfile.open(folder / f"{start:09d}.tar", "w") as archive:
            for number, content in pictures(start, size):
                member = tarfile.TarInfo(f"{number:09d}.bmp")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def pictures(first: int, n: int) -> Iterator[tuple[int, bytes]]:
    """Numbers and files; the same number gives the same picture wherever a run begins."""
    for number in range(first, first + n):
        drawn = np.random.default_rng(number).integers(0, 256, PIXELS_BYTES, np.uint8)
        yield number, HEAD + drawn.tobytes()
