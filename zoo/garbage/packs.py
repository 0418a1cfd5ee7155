"""Packs that hold little or nothing any more: deleted, or written anew without what went.

A new pack is durable before one transaction moves the rows to it, and only then the old one goes:
whatever dies in between leaves a file that no row names, and the next collection finds it.
"""

from __future__ import annotations

from pathlib import Path

from zoo.catalog import garbage
from zoo.catalog.garbage import PackLoad
from zoo.errors import DamagedError
from zoo.garbage.grounds import Collected, Dead, Grounds
from zoo.names import new_id
from zoo.storage.packs import read_content

REWRITTEN_BELOW = 0.5
"""The living share of a file below which it is worth writing anew."""


def collect_packs(grounds: Grounds, dead: Dead) -> Collected:
    """Delete what is dead, and write anew what mostly is."""
    with grounds.reading() as session:
        loads = garbage.pack_loads(session)
    count, freed = 0, 0
    for load in loads:
        live_bytes = load.live_bytes - dead.bytes_of_pack[load.id]
        if is_worth_it(grounds, live_bytes, load.size_bytes) and _collect(grounds, load):
            count += 1
            freed += load.size_bytes - live_bytes
    return Collected(kind="packs", count=count, size_bytes=freed)


def is_worth_it(grounds: Grounds, live: int, whole: int) -> bool:
    """Whether a file of which so much is alive is deleted or written anew."""
    return live < whole if grounds.is_thorough else live < whole * REWRITTEN_BELOW


def _collect(grounds: Grounds, load: PackLoad) -> bool:
    if grounds.is_dry:
        return True
    with grounds.catalog.write() as session:
        is_gone = garbage.drop_pack(session, load.id)
    if not is_gone and not _rewrite(grounds, load):
        return False
    grounds.blobs.delete(load.key)
    return True


def _rewrite(grounds: Grounds, load: PackLoad) -> bool:
    """Move what is left of a pack to a new one; False if it cannot be read whole."""
    spool = grounds.settings.home / "tmp"
    spool.mkdir(parents=True, exist_ok=True)
    key = f"packs/{new_id('pack')}"
    path = spool / Path(key).name
    try:
        offsets = _write(grounds, load, path)
        size_bytes = path.stat().st_size
        grounds.blobs.put(key, path)
    except DamagedError as error:
        grounds.tell(f"{load.key} stays as it is: {error.detail}")
        return False
    finally:
        path.unlink(missing_ok=True)
    n_moved = grounds.catalog.transact(
        lambda session: garbage.move_contents(
            session, load, key=key, size_bytes=size_bytes, offsets=offsets
        )
    )
    if not n_moved:
        grounds.blobs.delete(key)
    return n_moved > 0


def _write(grounds: Grounds, load: PackLoad, path: Path) -> dict[str, int]:
    """Write the living contents of a pack one after the other; returns where each begins."""
    with grounds.reading() as session:
        living = garbage.contents_of(session, load)
    offsets: dict[str, int] = {}
    with path.open("wb") as file:
        for content in living:
            offsets[content.sha256] = file.tell()
            file.write(read_content(grounds.blobs, content))
    return offsets
