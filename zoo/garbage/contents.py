"""Contents that nothing names go, with their embeddings; so does what is left of the deleted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from zoo.catalog import Session, deleted, garbage
from zoo.catalog.garbage import UnnamedContent
from zoo.garbage.grounds import Collected, Dead, Grounds
from zoo.jobs.clearing import clear_deleted

PAGE = 500
"""Rows that one transaction deletes: other writers wait meanwhile."""


def collect_deleted(grounds: Grounds) -> Collected:
    """Delete the rows that are left of deleted collections and datasets: they name contents."""
    kind = "rows of deleted collections and datasets"
    if not grounds.is_dry:
        return Collected(kind=kind, count=clear_deleted(grounds.catalog, most_s=math.inf))
    with grounds.reading() as session:
        return Collected(kind=kind, count=deleted.count_rows(session))


def collect_tombstones(grounds: Grounds) -> Collected:
    """Empty the rows of deleted items; that they are gone is what an index may still ask."""
    after, emptied = 0, 0
    while True:
        with grounds.reading() as session:
            pks = garbage.tombstones(session, after=after, limit=PAGE)
        emptied += len(pks)
        if pks and not grounds.is_dry:
            _empty(grounds, pks)
        if len(pks) < PAGE:
            break
        after = pks[-1]
    return Collected(kind="deleted items", count=emptied)


def collect_contents(grounds: Grounds, dead: Dead) -> Collected:
    """Delete contents; their bytes go with the packs that they stand in."""
    after, count = "", 0
    while True:
        with grounds.reading() as session:
            page = garbage.unnamed_contents(
                session, after=after, limit=PAGE, retry_from=grounds.grace_from
            )
            if grounds.is_dry:
                _count(session, page, dead)
        count += len(page) if grounds.is_dry else _drop(grounds, page)
        if len(page) < PAGE:
            return Collected(kind="contents", count=count)
        after = page[-1].sha256


def collect_references(grounds: Grounds) -> Collected:
    """Forget files by reference that are nobody's any more."""
    if grounds.is_dry:
        return Collected(kind="files by reference")
    count = grounds.catalog.transact(garbage.drop_references)
    return Collected(kind="files by reference", count=count)


def _empty(grounds: Grounds, pks: Sequence[int]) -> None:
    with grounds.catalog.write() as session:
        garbage.empty_tombstones(session, pks)


def _count(session: Session, page: Sequence[UnnamedContent], dead: Dead) -> None:
    for one in page:
        dead.bytes_of_pack[one.pack_id] += one.size_bytes
    dead.rows_of_segment.update(garbage.dead_rows(session, [one.sha256 for one in page]))


def _drop(grounds: Grounds, page: Sequence[UnnamedContent]) -> int:
    sha256s = [one.sha256 for one in page]
    return grounds.catalog.transact(
        lambda session: garbage.drop_contents(session, sha256s, retry_from=grounds.grace_from)
    )
