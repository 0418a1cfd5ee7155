"""One collection of a home's garbage, from rows to files; it may end anywhere and begin again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from zoo.catalog import open_unpooled
from zoo.garbage.contents import (
    collect_contents,
    collect_deleted,
    collect_references,
    collect_tombstones,
)
from zoo.garbage.files import collect_caches, collect_files
from zoo.garbage.grounds import Collected, Dead, Grounds
from zoo.garbage.packs import collect_packs
from zoo.garbage.segments import collect_segments
from zoo.garbage.spaces import collect_spaces
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs
from zoo.storage.upkeep import alone_with_files


@contextmanager
def open_grounds(
    settings: Settings,
    *,
    is_dry: bool = False,
    is_thorough: bool = False,
    tell: Callable[[str], object] = lambda _: None,
) -> Iterator[Grounds]:
    """A home to collect garbage in; its schema is this release's.

    `tell` is given a sentence for each damaged file that is left as it is.
    """
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:
        yield Grounds(
            settings=settings,
            catalog=catalog,
            blobs=open_blobs(settings),
            instant=datetime.now(UTC),
            is_dry=is_dry,
            is_thorough=is_thorough,
            tell=tell,
        )


def collect(grounds: Grounds) -> list[Collected]:
    """Delete what nobody needs any more, safely beside a running service; tells what went.

    `ConflictError` `upkeep_running` while another collection or a backup is under way.
    """
    with alone_with_files(grounds.settings.home, what="the collection of garbage"):
        return [one for one in _steps(grounds) if one.count]


def _steps(grounds: Grounds) -> Iterator[Collected]:
    dead = Dead()
    yield collect_deleted(grounds)
    yield collect_tombstones(grounds)
    yield collect_contents(grounds, dead)
    yield collect_references(grounds)
    yield collect_packs(grounds, dead)
    yield collect_spaces(grounds, dead)
    yield collect_segments(grounds, dead)
    yield from collect_files(grounds)
    yield from collect_caches(grounds)
