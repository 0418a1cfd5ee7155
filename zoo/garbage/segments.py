"""Segments: those without an embedding go, sparse and small ones of a space become large ones.

In the same order as packs: the new file durable, one transaction, the old files gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from zoo.catalog import garbage
from zoo.catalog.garbage import Embedding, SegmentLoad
from zoo.catalog.records import SegmentRecord
from zoo.errors import DamagedError
from zoo.garbage.grounds import Collected, Dead, Grounds
from zoo.garbage.packs import is_worth_it
from zoo.storage.segments import FloatArray, SegmentReader, write_segment

SMALL_ROWS = 1024
"""A segment with fewer rows is put together with others, if there are many."""
MANY_SMALL = 32
MOST_ROWS = 16_384
"""What one new segment holds: its vectors are in memory while it is written."""
MOST_FILES = 256
_FLOAT_BYTES = 4


def collect_segments(grounds: Grounds, dead: Dead) -> Collected:
    """Delete the dead ones, and put the living rows of others together."""
    with grounds.reading() as session:
        loads = [
            SegmentLoad(
                segment=load.segment,
                live_rows=load.live_rows - dead.rows_of_segment[load.segment.id],
            )
            for load in garbage.segment_loads(session)
        ]
    count, freed = 0, 0
    for group in _groups(grounds, loads):
        if grounds.is_dry or _collect(grounds, [load.segment for load in group]):
            count += len(group)
            freed += sum(map(_dead_bytes, group))
    return Collected(kind="segments", count=count, size_bytes=freed)


def _dead_bytes(load: SegmentLoad) -> int:
    return (load.segment.n_rows - load.live_rows) * load.segment.dim * _FLOAT_BYTES


def _groups(grounds: Grounds, loads: Sequence[SegmentLoad]) -> Iterator[list[SegmentLoad]]:
    """Segments that become one: of one space, with no more rows than one may have."""
    by_space: dict[str, list[SegmentLoad]] = defaultdict(list)
    for load in loads:
        by_space[load.segment.space_id].append(load)
    for of_space in by_space.values():
        group: list[SegmentLoad] = []
        n_rows = 0
        for load in _chosen(grounds, of_space):
            if group and (n_rows + load.live_rows > MOST_ROWS or len(group) == MOST_FILES):
                yield group
                group, n_rows = [], 0
            group.append(load)
            n_rows += load.live_rows
        if group:
            yield group


def _chosen(grounds: Grounds, loads: Sequence[SegmentLoad]) -> list[SegmentLoad]:
    """Those of a space that are dead or sparse, and if there are many also the small ones."""
    sparse, small = [], []
    for load in loads:
        if is_worth_it(grounds, load.live_rows, load.segment.n_rows):
            sparse.append(load)
        elif load.live_rows < SMALL_ROWS:
            small.append(load)
    return [*sparse, *(small if len(small) >= MANY_SMALL else ())]


def _collect(grounds: Grounds, segments: Sequence[SegmentRecord]) -> bool:
    """Move what is left in segments to a new one, and delete them; False if one is damaged."""
    ids = [segment.id for segment in segments]
    with grounds.reading() as session:
        living = garbage.embeddings_of(session, ids)
    if living and not _rewrite(grounds, segments, living):
        return False
    for segment in segments:
        with grounds.catalog.write() as session:
            is_gone = garbage.drop_segment(session, segment.id)
        if is_gone:
            grounds.blobs.delete(segment.key)
    return True


def _rewrite(
    grounds: Grounds, segments: Sequence[SegmentRecord], living: Sequence[Embedding]
) -> bool:
    try:
        vectors = _read(grounds, segments, living)
    except DamagedError as error:
        keys = ", ".join(one.key for one in segments)
        grounds.tell(f"{keys} stay as they are: {error.detail}")
        return False
    written = write_segment(grounds.blobs, vectors)
    made = SegmentRecord(
        id=0,
        space_id=segments[0].space_id,
        key=written.key,
        sha256=written.sha256,
        n_rows=written.n_rows,
        dim=written.dim,
    )
    n_moved = grounds.catalog.transact(
        lambda session: garbage.move_embeddings(session, made, living)
    )
    if not n_moved:
        grounds.blobs.delete(written.key)
    return True


def _read(
    grounds: Grounds, segments: Sequence[SegmentRecord], living: Sequence[Embedding]
) -> FloatArray:
    """The living vectors `(n, dim)` of segments, in the order of `living`: by segment."""
    reader = SegmentReader(grounds.blobs)
    rows: dict[int, list[int]] = defaultdict(list)
    for one in living:
        rows[one.segment_id].append(one.row)
    by_id = {segment.id: segment for segment in segments}
    return np.concatenate([reader.rows(by_id[id_], wanted) for id_, wanted in rows.items()])
