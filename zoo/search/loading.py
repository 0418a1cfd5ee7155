"""Bringing the index of a collection up to date, from its snapshot or the feature store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import structlog

from zoo.catalog import Catalog, collections, items
from zoo.catalog.records import CollectionRecord, IndexRow
from zoo.errors import DamagedError
from zoo.features.store import read_vectors
from zoo.search.flat import FloatArray, Metric
from zoo.search.index import ExactIndex
from zoo.storage.blobs import BlobStore, file_sha256
from zoo.storage.segments import SegmentReader

BEFORE_ALL = -1
"""A revision that every item is newer than."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """An index and the state of the collection that it holds."""

    index: ExactIndex
    revision: int
    snapshot: str | None  # the blob that its base is mapped from


class Loader:
    """Makes indexes from what is durable; holds none itself."""

    def __init__(self, catalog: Catalog, blobs: BlobStore) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._reader = SegmentReader(blobs)

    def refreshed(self, collection: CollectionRecord, loaded: Loaded | None) -> Loaded:
        """What is loaded brought up to date, on a newer snapshot where there is one.

        A snapshot that is damaged is forgotten, and its content read from the feature store;
        `DamagedError` if an embedding is lost there too.
        """
        has_newer = collection.index_key is not None and (
            loaded is None or loaded.snapshot != collection.index_key
        )
        base = self._opened(collection) if has_newer else loaded
        return self._with_changes(collection, base or loaded or self._empty(collection))

    def _with_changes(self, collection: CollectionRecord, base: Loaded) -> Loaded:
        with self._catalog.read() as session:
            changes = items.changes_since(session, collection.id, revision=base.revision)
        index = self._apply(collection, base.index, changes)
        # What changed after `collection` was read is in already and will be put in once more.
        return Loaded(index=index, revision=collection.revision, snapshot=base.snapshot)

    def _apply(
        self, collection: CollectionRecord, index: ExactIndex, changes: list[IndexRow]
    ) -> ExactIndex:
        alive = [row for row in changes if not row.is_deleted]
        pks = np.array([row.pk for row in alive], np.int64)
        vectors = self.vectors(collection, [row.sha256 for row in alive])
        if not len(index):
            return ExactIndex.build(vectors, pks, metric=index.metric)
        dead = {row.pk for row in changes if row.is_deleted}
        return index.with_changes(vectors, pks, dead=dead) if changes else index

    def vectors(self, collection: CollectionRecord, sha256s: list[str]) -> FloatArray:
        """The embeddings of record `(n, dim)` of these contents in the collection's space."""
        vectors = read_vectors(
            self._catalog, self._reader, space_id=collection.space_id, sha256s=sha256s
        )
        return vectors.reshape(len(sha256s), collection.dim)

    def _empty(self, collection: CollectionRecord) -> Loaded:
        vectors, pks = np.empty((0, collection.dim), np.float32), np.empty(0, np.int64)
        index = ExactIndex.build(vectors, pks, metric=_metric(collection))
        return Loaded(index=index, revision=BEFORE_ALL, snapshot=None)

    def _opened(self, collection: CollectionRecord) -> Loaded | None:
        """The noted snapshot, mapped; None, and the note forgotten, if it is damaged."""
        key = str(collection.index_key)
        try:
            index = self._open(collection, key)
        except (DamagedError, OSError) as error:
            structlog.get_logger().warning(
                "index_snapshot_damaged", collection=collection.name, key=key, reason=str(error)
            )
            with self._catalog.write() as session:
                collections.forget_snapshot(session, collection.generation_id, key=key)
            return None
        return Loaded(index=index, revision=collection.index_revision or 0, snapshot=key)

    def _open(self, collection: CollectionRecord, key: str) -> ExactIndex:
        path = self._blobs.local_path(key)
        if file_sha256(path) != collection.index_sha256:
            raise DamagedError(f"the index snapshot {key!r} does not match its checksum")
        return ExactIndex.open(path, metric=_metric(collection))


def _metric(collection: CollectionRecord) -> Metric:
    return cast("Metric", collection.metric)
