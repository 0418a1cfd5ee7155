"""Searching collections: one index a generation, kept fresh as items come and go."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

import numpy as np
import structlog

from zoo.catalog import Catalog, collections, items
from zoo.catalog.records import CollectionRecord, IndexRow, ItemRecord
from zoo.errors import DamagedError
from zoo.features.store import read_vectors
from zoo.names import new_id
from zoo.search.flat import FloatArray, Metric
from zoo.search.index import ExactIndex
from zoo.storage.blobs import BlobStore, file_sha256
from zoo.storage.segments import SegmentReader

BEFORE_ALL = -1
"""A revision that every item is newer than."""
SMALLEST_REWRITE = 1000
"""Changes below which a new snapshot costs more than the delta that it would replace."""

_Key = tuple[int, datetime]


@dataclass(frozen=True, kw_only=True)
class WrittenSnapshot:
    """A durable index file and the state of the collection that it holds."""

    key: str
    sha256: str
    revision: int
    rows: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Loaded:
    index: ExactIndex
    revision: int  # the collection's revision that the index holds
    snapshot: str | None  # the blob that its base is mapped from


@dataclass(kw_only=True, eq=False)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: _Loaded | None = None


class Searches:
    """The indexes of one process, at most `capacity` of them; thread-safe.

    An index is never changed: a refreshed one takes its place, so a search that runs meanwhile
    goes on undisturbed with the one it began with.
    """

    def __init__(self, catalog: Catalog, blobs: BlobStore, *, capacity: int = 32) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._reader = SegmentReader(blobs)
        self._capacity = capacity
        self._lock = threading.Lock()
        self._slots: OrderedDict[_Key, _Slot] = OrderedDict()

    def search(
        self,
        collection: CollectionRecord,
        query: FloatArray,
        *,
        k: int,
        exclude: frozenset[int] = frozenset(),
    ) -> list[tuple[ItemRecord, float]]:
        """The k items nearest to `query` (dim,), best first, with their scores.

        Items whose primary key is in `exclude` are passed over. Raises `DamagedError` if an
        embedding of record is lost; a lost snapshot is rebuilt from them.
        """
        index = self._fresh(collection).index
        [found] = index.search(query[None], k=k + len(exclude))
        hits = [hit for hit in found if hit.pk not in exclude][:k]
        with self._catalog.read() as session:
            known = items.get_items(session, [hit.pk for hit in hits])
        return [(known[hit.pk], hit.score) for hit in hits if hit.pk in known]

    def vector_of(self, collection: CollectionRecord, sha256: str) -> FloatArray:
        """The embedding of record `(dim,)` of a content in the collection's space."""
        vector: FloatArray = self._vectors(collection, [sha256])[0]
        return vector

    @staticmethod
    def is_snapshot_due(collection: CollectionRecord, changes: int) -> bool:
        """Whether so many changes since the last snapshot are worth writing a new one."""
        return changes > max(SMALLEST_REWRITE, (collection.index_rows or 0) / 10)

    def write_snapshot(self, collection: CollectionRecord, *, spool: Path) -> WrittenSnapshot:
        """Make a durable file of the collection's index.

        It is written in the folder `spool` first, which must be on the blob store's disk.
        """
        loaded = self._fresh(collection)
        spool.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=spool) as folder:
            path = Path(folder) / new_id("index")
            loaded.index.write(path)
            key, sha256 = f"indexes/{path.name}", file_sha256(path)
            self._blobs.put(key, path)
        return WrittenSnapshot(
            key=key, sha256=sha256, revision=loaded.revision, rows=len(loaded.index)
        )

    def _fresh(self, collection: CollectionRecord) -> _Loaded:
        slot = self._slot(collection)
        loaded = slot.loaded
        if loaded and loaded.revision >= collection.revision:
            return loaded
        with slot.lock:
            if slot.loaded is None or slot.loaded.revision < collection.revision:
                slot.loaded = self._refreshed(collection, slot.loaded)
            return slot.loaded

    def _slot(self, collection: CollectionRecord) -> _Slot:
        # SQLite gives the ids of deleted rows away again; the instant tells a namesake apart.
        key = (collection.generation_id, collection.created_at)
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._capacity:
                self._slots.popitem(last=False)
            return slot

    def _refreshed(self, collection: CollectionRecord, loaded: _Loaded | None) -> _Loaded:
        """What is loaded brought up to date, or a newer snapshot where there is one."""
        has_newer = collection.index_key is not None and (
            loaded is None or loaded.snapshot != collection.index_key
        )
        base = self._opened(collection) if has_newer else loaded
        return self._with_changes(collection, base or loaded or self._empty(collection))

    def _with_changes(self, collection: CollectionRecord, base: _Loaded) -> _Loaded:
        with self._catalog.read() as session:
            changes = items.changes_since(session, collection.id, revision=base.revision)
        index = self._apply(collection, base.index, changes)
        # What changed after `collection` was read is in already and will be put in once more.
        return _Loaded(index=index, revision=collection.revision, snapshot=base.snapshot)

    def _apply(
        self, collection: CollectionRecord, index: ExactIndex, changes: list[IndexRow]
    ) -> ExactIndex:
        alive = [row for row in changes if not row.is_deleted]
        pks = np.array([row.pk for row in alive], np.int64)
        vectors = self._vectors(collection, [row.sha256 for row in alive])
        if not len(index):
            return ExactIndex.build(vectors, pks, metric=index.metric)
        dead = {row.pk for row in changes if row.is_deleted}
        return index.with_changes(vectors, pks, dead=dead) if changes else index

    def _vectors(self, collection: CollectionRecord, sha256s: list[str]) -> FloatArray:
        vectors = read_vectors(
            self._catalog, self._reader, space_id=collection.space_id, sha256s=sha256s
        )
        return vectors.reshape(len(sha256s), collection.dim)

    def _empty(self, collection: CollectionRecord) -> _Loaded:
        vectors, pks = np.empty((0, collection.dim), np.float32), np.empty(0, np.int64)
        index = ExactIndex.build(vectors, pks, metric=_metric(collection))
        return _Loaded(index=index, revision=BEFORE_ALL, snapshot=None)

    def _opened(self, collection: CollectionRecord) -> _Loaded | None:
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
        return _Loaded(index=index, revision=collection.index_revision or 0, snapshot=key)

    def _open(self, collection: CollectionRecord, key: str) -> ExactIndex:
        path = self._blobs.local_path(key)
        if file_sha256(path) != collection.index_sha256:
            raise DamagedError(f"the index snapshot {key!r} does not match its checksum")
        return ExactIndex.open(path, metric=_metric(collection))


def _metric(collection: CollectionRecord) -> Metric:
    return cast("Metric", collection.metric)
