"""Searching collections: one index a generation, kept fresh as items come and go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from zoo.catalog import Catalog, collections, items
from zoo.catalog.records import CollectionRecord, ItemRecord
from zoo.search.flat import FloatArray
from zoo.search.loading import Loaded, Loader
from zoo.search.snapshots import Snapshots
from zoo.storage.blobs import BlobStore

FEWEST_CHANGES = 2000
"""Changes up to which a new snapshot costs more than whoever opens the last one saves by it."""

_Key = tuple[int, datetime]


@dataclass(frozen=True, kw_only=True)
class WrittenSnapshot:
    """A durable index file and the state of the collection that it holds."""

    key: str
    sha256: str
    revision: int
    rows: int


@dataclass(kw_only=True, eq=False)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: Loaded | None = None


class Searches:
    """The indexes of one process, at most `capacity` of them; thread-safe.

    An index is never changed: a refreshed one takes its place, so a search that runs meanwhile
    goes on undisturbed with the one it began with.
    """

    def __init__(self, catalog: Catalog, blobs: BlobStore, *, capacity: int = 32) -> None:
        self._catalog = catalog
        self._loader = Loader(catalog, blobs)
        self._snapshots = Snapshots(blobs)
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
        favoured: int | None = None,
    ) -> list[tuple[ItemRecord, float]]:
        """The k items nearest to `query` (dim,), best first, with their scores.

        Items whose primary key is in `exclude` are passed over; of equal scores that of
        `favoured` is the best. Raises `DamagedError` if an embedding of record is lost; a lost
        snapshot is rebuilt from them.
        """
        index = self._fresh(collection).index
        [found] = index.search(query[None], k=k + len(exclude), favoured=favoured)
        hits = [hit for hit in found if hit.pk not in exclude][:k]
        with self._catalog.read() as session:
            known = items.get_items(session, [hit.pk for hit in hits])
        return [(known[hit.pk], hit.score) for hit in hits if hit.pk in known]

    def vector_of(self, collection: CollectionRecord, sha256: str) -> FloatArray:
        """The embedding of record `(dim,)` of a content in the collection's space."""
        vector: FloatArray = self._loader.vectors(collection, [sha256])[0]
        return vector

    def write_snapshot(self, collection: CollectionRecord, *, spool: Path) -> WrittenSnapshot:
        """Make durable files of the collection's index: of what is new since its last snapshot.

        They are written in the folder `spool` first, best on the blob store's disk if it has
        one, and mapped at once, so that memory holds no more than one part of the index.
        """
        spool.mkdir(parents=True, exist_ok=True)
        keep = partial(self._snapshots.stored, spool=spool)
        loaded = self._loader.refreshed(collection, None, keep=keep)
        file = self._snapshots.write(loaded.index, spool=spool)
        return WrittenSnapshot(
            key=file.key, sha256=file.sha256, revision=loaded.revision, rows=len(loaded.index)
        )

    def _fresh(self, collection: CollectionRecord) -> Loaded:
        slot = self._slot(collection)
        loaded = slot.loaded
        if loaded and loaded.revision >= collection.revision:
            return loaded
        with slot.lock:
            if slot.loaded is None or slot.loaded.revision < collection.revision:
                slot.loaded = self._loader.refreshed(collection, slot.loaded)
                self._let_deleted_go()
            return slot.loaded

    def _let_deleted_go(self) -> None:
        """Hold no index of a collection that is gone: its files stay on disk as long."""
        with self._catalog.read() as session:
            there = collections.generation_ids(session)
        with self._lock:
            for key in [key for key in self._slots if key[0] not in there]:
                del self._slots[key]

    def _slot(self, collection: CollectionRecord) -> _Slot:
        # SQLite gives the ids of deleted rows away again; the instant tells a namesake apart.
        key = (collection.generation_id, collection.created_at)
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._capacity:
                self._slots.popitem(last=False)
            return slot
