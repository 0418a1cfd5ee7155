"""Embeddings in the spaces of deleted networks: no query can be embedded to compare with them."""

from __future__ import annotations

from functools import partial

from zoo.catalog import lost_spaces
from zoo.garbage.contents import PAGE
from zoo.garbage.grounds import Collected, Dead, Grounds


def collect_spaces(grounds: Grounds, dead: Dead) -> Collected:
    """Delete the embeddings; their bytes go with the segments that they stand in."""
    with grounds.reading() as session:
        lost = lost_spaces.lost_spaces(session)
        rows = {space: lost_spaces.rows_in_space(session, space) for space in lost}
    if grounds.is_dry:
        for in_segments in rows.values():
            for segment_id, n in in_segments.items():
                dead.rows_of_segment[segment_id] = n  # all, those of dead contents included
        return Collected(kind="embeddings", count=sum(sum(one.values()) for one in rows.values()))
    return Collected(kind="embeddings", count=sum(_drop(grounds, space) for space in lost))


def _drop(grounds: Grounds, space_id: str) -> int:
    count = 0
    drop = partial(lost_spaces.drop_embeddings, space_id=space_id, limit=PAGE)
    while gone := grounds.catalog.transact(drop):
        count += gone
    return count
