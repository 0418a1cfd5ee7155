"""Reading embeddings of record back: by content and space, segment by segment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.catalog import Catalog, features
from zoo.catalog.records import FeatureRecord, SegmentRecord
from zoo.errors import DamagedError
from zoo.storage.segments import SegmentReader

FloatArray = NDArray[np.float32]


def read_vectors(
    catalog: Catalog, reader: SegmentReader, *, space_id: str, sha256s: Sequence[str]
) -> FloatArray:
    """The embeddings of these contents in a space: float32 `(len(sha256s), dim)`, in their order.

    A content may be asked for more than once; with none asked for the shape is `(0, 0)`. Raises
    `DamagedError` if one has no embedding, or its segment is missing or fails its checksum.
    """
    before = _located(catalog, space_id=space_id, sha256s=sha256s)
    try:
        return _gather(reader, *before)
    except DamagedError:
        after = _located(catalog, space_id=space_id, sha256s=sha256s)
        if after == before:
            raise
        return _gather(reader, *after)  # segments are rewritten while they are read


def _located(
    catalog: Catalog, *, space_id: str, sha256s: Sequence[str]
) -> tuple[list[FeatureRecord], Mapping[int, SegmentRecord]]:
    """Where each content's embedding stands by now, and in which files."""
    with catalog.read() as session:
        found = features.locate(session, space_id=space_id, sha256s=sha256s)
        segments = features.get_segments(session, {one.segment_id for one in found.values()})
    _check_complete(sha256s, found, space_id=space_id)
    return [found[sha256] for sha256 in sha256s], segments


def _gather(
    reader: SegmentReader, wanted: Sequence[FeatureRecord], segments: Mapping[int, SegmentRecord]
) -> FloatArray:
    """One segment after the other, so that no more than one is in memory beside the answer."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, feature in enumerate(wanted):
        places[feature.segment_id].append(place)
    dim = max((segment.dim for segment in segments.values()), default=0)
    vectors = np.empty((len(wanted), dim), np.float32)
    for segment_id, at in places.items():
        vectors[at] = reader.rows(segments[segment_id], [wanted[place].row for place in at])
    return vectors


def _check_complete(
    sha256s: Sequence[str], found: Mapping[str, FeatureRecord], *, space_id: str
) -> None:
    absent = [sha256 for sha256 in sha256s if sha256 not in found]
    if absent:
        raise DamagedError(
            f"{len(absent)} of {len(sha256s)} contents have no embedding in the space "
            f"{space_id[:12]}, {absent[0][:12]} among them; they should be ingested again",
            code="missing_embedding",
        )
