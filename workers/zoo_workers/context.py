"""All that a worker process keeps between shards: the one place that puts its parts together."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from zoo.catalog import Catalog, open_catalog
from zoo.inference.placement import Placement
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, open_blobs
from zoo.storage.segments import SegmentReader
from zoo.watchdog import Watchdog


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts that shards use; models are loaded by the module that forwards."""

    settings: Settings
    worker_id: str
    catalog: Catalog
    blobs: BlobStore
    segments: SegmentReader
    sandbox: SandboxPool
    placement: Placement  # of what this process forwards
    watchdog: Watchdog


def make_context(
    settings: Settings,
    worker_id: str,
    placement: Placement | None = None,
    *,
    stalled_s: float = 0.0,
) -> Context:
    """A context for the process that calls, by default one that forwards on its core.

    Its sandboxes start with the first image. The process is ended when a shard gets nothing done
    for `stalled_s` seconds; 0: never.
    """
    placement = placement or Placement(batch=settings.forward_batch)
    blobs = open_blobs(settings)
    return Context(
        settings=settings,
        worker_id=worker_id,
        catalog=open_catalog(settings.resolved_database_url),
        blobs=blobs,
        segments=SegmentReader(blobs),
        sandbox=SandboxPool(decode_limits(settings), size=placement.decoders),
        placement=placement,
        watchdog=Watchdog(stalled_s),
    )


class ContextOfProcess:
    """The context of whichever process asks: made once in each, never carried over a fork."""

    def __init__(self, make: Callable[[], Context]) -> None:
        self._make = make
        self._made: tuple[int, Context] | None = None

    def __call__(self) -> Context:
        """This process's context."""
        if self._made is None or self._made[0] != os.getpid():
            self._made = (os.getpid(), self._make())
        return self._made[1]
