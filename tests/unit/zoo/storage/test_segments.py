"""Segments of vectors, verified before they are used."""

import numpy as np
import pytest

from zoo.catalog.records import SegmentRecord
from zoo.errors import DamagedError
from zoo.storage.blobs import LocalBlobs, file_sha256
from zoo.storage.segments import FloatArray, SegmentReader, write_segment


def vectors(n: int = 10, dim: int = 4) -> FloatArray:
    return np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)


def stored(blobs: LocalBlobs, given: FloatArray) -> SegmentRecord:
    written = write_segment(blobs, given)
    return SegmentRecord(
        id=1,
        space_id="5" * 64,
        key=written.key,
        sha256=written.sha256,
        n_rows=written.n_rows,
        dim=written.dim,
    )


def test_rows_are_read_in_the_order_asked(blobs: LocalBlobs) -> None:
    given = vectors()
    segment = stored(blobs, given)
    assert (segment.n_rows, segment.dim) == (10, 4)
    found = SegmentReader(blobs).rows(segment, [7, 0, 7])
    assert found.dtype == np.float32
    assert np.array_equal(found, given[[7, 0, 7]])


def test_no_rows_are_an_empty_array(blobs: LocalBlobs) -> None:
    assert SegmentReader(blobs).rows(stored(blobs, vectors()), []).shape == (0, 4)


def test_other_types_and_layouts_are_stored_as_float32(blobs: LocalBlobs) -> None:
    given = np.asfortranarray(vectors().astype(np.float64))
    found = SegmentReader(blobs).rows(stored(blobs, given), range(10))  # type: ignore[arg-type]
    assert np.array_equal(found, vectors())


def test_the_checksum_is_that_of_the_file(blobs: LocalBlobs) -> None:
    segment = stored(blobs, vectors())
    assert segment.sha256 == file_sha256(blobs.local_path(segment.key))


def test_a_flipped_bit_is_damage(blobs: LocalBlobs) -> None:
    segment = stored(blobs, vectors())
    path = blobs.local_path(segment.key)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError) as caught:
        SegmentReader(blobs).rows(segment, [0])
    assert caught.value.detail == (
        f"{segment.key} is damaged: its sha256 has changed; `zoo fsck` names the items in it, "
        "`zoo fsck --repair` has them embedded anew"
    )


def test_a_missing_segment_is_damage(blobs: LocalBlobs) -> None:
    segment = stored(blobs, vectors())
    blobs.delete(segment.key)
    with pytest.raises(DamagedError) as caught:
        SegmentReader(blobs).rows(segment, [0])
    assert caught.value.detail == f"{segment.key} is missing from the blob store"


def test_a_segment_is_verified_once(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = stored(blobs, vectors())
    reader = SegmentReader(blobs)
    reader.rows(segment, [0])
    monkeypatch.setattr("zoo.storage.segments.file_sha256", None)
    assert np.array_equal(reader.rows(segment, [1]), vectors()[[1]])
