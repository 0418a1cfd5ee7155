"""Segments: float32 vectors in one durable file, verified before their first use."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.catalog.records import SegmentRecord
from zoo.errors import DamagedError
from zoo.names import new_id
from zoo.storage.blobs import BlobStore, file_sha256, missing
from zoo.storage.stamps import Stamp, stamp_of

FloatArray = NDArray[np.float32]

REMEDY = "`zoo fsck` names the items in it, `zoo fsck --repair` has them embedded anew"


@dataclass(frozen=True, kw_only=True)
class WrittenSegment:
    """A durable segment."""

    key: str
    sha256: str
    n_rows: int
    dim: int


def write_segment(blobs: BlobStore, vectors: FloatArray) -> WrittenSegment:
    """Store vectors `(n, dim)` as numpy's own format, which needs no pickle."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(vectors, dtype=np.float32), allow_pickle=False)
    content = buffer.getvalue()
    key = f"segments/{new_id('segment')}.npy"
    blobs.put_bytes(key, content)
    return WrittenSegment(
        key=key,
        sha256=hashlib.sha256(content).hexdigest(),
        n_rows=vectors.shape[0],
        dim=vectors.shape[1],
    )


class SegmentReader:
    """Reads rows of segments; a checksum is taken once a process, and when the file changes."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._verified: dict[str, Stamp] = {}

    def rows(self, segment: SegmentRecord, rows: Sequence[int]) -> FloatArray:
        """The named rows `(len(rows), dim)`; `DamagedError` if the file is not as it was."""
        try:
            return self._rows(segment, rows)
        except FileNotFoundError as error:  # it went in this very moment
            raise missing(segment.key) from error

    def _rows(self, segment: SegmentRecord, rows: Sequence[int]) -> FloatArray:
        path = self._blobs.local_path(segment.key)
        stamp = stamp_of(path)
        if self._verified.get(segment.key) != stamp:
            if file_sha256(path) != segment.sha256:
                raise DamagedError(f"{segment.key} is damaged: its sha256 has changed; {REMEDY}")
            self._verified[segment.key] = stamp
        mapped: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(mapped[list(rows)], dtype=np.float32)
