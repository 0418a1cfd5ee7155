"""All that a worker process keeps between shards: the one place that puts its parts together."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from zoo.catalog import Catalog, open_catalog
from zoo.images.sandbox import Sandbox
from zoo.inference.sandboxes import decode_limits
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, open_blobs
from zoo.storage.segments import SegmentReader


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts that shards use; models are loaded by the module that forwards."""

    settings: Settings
    worker_id: str
    catalog: Catalog
    blobs: BlobStore
    segments: SegmentReader
    sandbox: Sandbox


def make_context(settings: Settings, worker_id: str) -> Context:
    """A context for the process that calls; its sandbox starts with the first image."""
    blobs = open_blobs(settings)
    return Context(
        settings=settings,
        worker_id=worker_id,
        catalog=open_catalog(settings.resolved_database_url),
        blobs=blobs,
        segments=SegmentReader(blobs),
        sandbox=Sandbox(decode_limits(settings)),
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
