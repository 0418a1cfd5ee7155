"""Bringing the index of a collection up to date, from its snapshot or the feature store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import structlog

from zoo.catalog import Catalog, collections, items
from zoo.catalog.records import CollectionRecord, IndexRow
from zoo.errors import DamagedError
from zoo.features.store import read_vectors
from zoo.search.flat import FloatArray, Metric
from zoo.search.index import ExactIndex, part_rows
from zoo.search.manifests import IndexFile
from zoo.search.snapshots import Snapshots
from zoo.storage.blobs import BlobStore
from zoo.storage.segments import SegmentReader

BEFORE_ALL = -1
"""A revision that every item is newer than."""

Keep: TypeAlias = Callable[[ExactIndex], ExactIndex]
"""Puts the parts of a growing index where they are to stay; gives the same index."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """An index and the state of the collection that it holds."""

    index: ExactIndex
    revision: int
    snapshot: str | None  # the key of the manifest that it began with


def in_memory(index: ExactIndex) -> ExactIndex:
    """Leaves the parts where they are."""
    return index


class Loader:
    """Makes indexes from what is durable; holds none itself."""

    def __init__(self, catalog: Catalog, blobs: BlobStore) -> None:
        self._catalog = catalog
        self._reader = SegmentReader(blobs)
        self._snapshots = Snapshots(blobs)

    def refreshed(
        self, collection: CollectionRecord, loaded: Loaded | None, *, keep: Keep = in_memory
    ) -> Loaded:
        """What is loaded brought up to date, on a newer snapshot where there is one.

        What has changed is read in pages, of which no more than one is held beside the index;
        `keep` is given the index after each. A snapshot that is damaged is forgotten, and its
        content read from the feature store; `DamagedError` if an embedding is lost there too.
        """
        key = collection.index_key
        is_newer = key is not None and (loaded is None or loaded.snapshot != key)
        opened = self._opened(collection, loaded) if is_newer else None
        base = opened or loaded or self._empty(collection)
        index = base.index
        for changes in self._changes(collection, revision=base.revision):
            index = keep(self._apply(collection, index, changes))
        # What changed after `collection` was read is in already and will be put in once more.
        return Loaded(index=index, revision=collection.revision, snapshot=base.snapshot)

    def _changes(self, collection: CollectionRecord, *, revision: int) -> Iterator[list[IndexRow]]:
        """In the order of revisions: what changes meanwhile comes later, and is never missed."""
        limit, pk = part_rows(collection.dim), items.ALL_PKS
        while True:
            with self._catalog.read() as session:
                found = items.changes_since(
                    session, collection.id, revision=revision, pk=pk, limit=limit
                )
            if not found:
                return
            yield found
            revision, pk = found[-1].revision, found[-1].pk

    def _apply(
        self, collection: CollectionRecord, index: ExactIndex, changes: list[IndexRow]
    ) -> ExactIndex:
        alive = [row for row in changes if not row.is_deleted]
        pks = np.array([row.pk for row in alive], np.int64)
        vectors = self.vectors(collection, [row.sha256 for row in alive])
        dead = {row.pk for row in changes if row.is_deleted}
        return index.with_changes(vectors, pks, dead=dead)

    def vectors(self, collection: CollectionRecord, sha256s: list[str]) -> FloatArray:
        """The embeddings of record `(n, dim)` of these contents in the collection's space."""
        vectors = read_vectors(
            self._catalog, self._reader, space_id=collection.space_id, sha256s=sha256s
        )
        return vectors.reshape(len(sha256s), collection.dim)

    @staticmethod
    def _empty(collection: CollectionRecord) -> Loaded:
        index = ExactIndex.of([], dim=collection.dim, metric=_metric(collection))
        return Loaded(index=index, revision=BEFORE_ALL, snapshot=None)

    def _opened(self, collection: CollectionRecord, loaded: Loaded | None) -> Loaded | None:
        """The noted snapshot, mapped; None, and the note forgotten, if it is damaged."""
        noted = IndexFile(key=str(collection.index_key), sha256=str(collection.index_sha256))
        try:
            index = self._snapshots.open(
                noted,
                dim=collection.dim,
                metric=_metric(collection),
                known=loaded.index if loaded else None,
            )
        except (DamagedError, OSError) as error:
            structlog.get_logger().warning(
                "index_snapshot_damaged",
                collection=collection.name,
                key=noted.key,
                reason=str(error),
            )
            with self._catalog.write() as session:
                collections.forget_snapshot(session, collection.generation_id, key=noted.key)
            return None
        return Loaded(index=index, revision=collection.index_revision or 0, snapshot=noted.key)


def _metric(collection: CollectionRecord) -> Metric:
    return cast("Metric", collection.metric)
