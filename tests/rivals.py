"""Processes that do the same at the same moment, played by threads with catalogs of their own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from zoo.catalog import Catalog
from zoo.catalog.records import ContentRecord

Result = TypeVar("Result")
N_RIVALS = 6
SPACE = "space"


def at_once(rivals: Sequence[Catalog], act: Callable[[Catalog, int], Result]) -> list[Result]:
    """What each rival got, all having begun together; the first exception is raised."""
    gate = threading.Barrier(len(rivals))

    def begin(number: int) -> Result:
        gate.wait()
        return act(rivals[number], number)

    with ThreadPoolExecutor(len(rivals)) as pool:
        return list(pool.map(begin, range(len(rivals))))


def content(number: int, pack: str = "packs/one") -> ContentRecord:
    return ContentRecord(
        sha256=f"{number:064x}",
        pack_key=pack,
        offset=number,
        size_bytes=1,
        width=None,
        height=None,
    )
