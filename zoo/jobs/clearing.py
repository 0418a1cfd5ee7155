"""What was deleted and had too many rows for one write: the rest of them, a portion a write."""

from __future__ import annotations

import time

from zoo.catalog import Catalog, deleted

A_LOOK_S = 0.25
"""For how long the keeper's own work may wait."""


def clear_deleted(catalog: Catalog, *, most_s: float = A_LOOK_S) -> int:
    """Delete rows of deleted collections and datasets, for a while; returns how many.

    May end anywhere, and be done by several at once.
    """
    until = time.monotonic() + most_s
    with catalog.read() as session:
        left = deleted.leftovers(session)
    n_rows = 0
    for one in left:
        while time.monotonic() < until and (n := _clear(catalog, one)):
            n_rows += n
    return n_rows


def _clear(catalog: Catalog, left: deleted.Leftover) -> int:
    return catalog.transact(lambda session: deleted.clear(session, left))
