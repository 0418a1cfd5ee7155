"""Collections filled with vectors of record, without a backbone: what searches are tested on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.catalog import Catalog, collections, contents, features, items
from zoo.catalog.records import CollectionRecord, ContentRecord, InputRecord
from zoo.storage.blobs import BlobStore
from zoo.storage.segments import write_segment

Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Writes contents, embeddings and items as an ingest does."""

    catalog: Catalog
    blobs: BlobStore
    space_id: str = "5" * 64
    dim: int = 4

    def collection(
        self, name: str, *, metric: str = "cosine", model: str = "lite.tiny.in1k"
    ) -> CollectionRecord:
        with self.catalog.write() as session:
            features.add_space(session, self.space_id, model=model, dim=self.dim, description={})
            return collections.create_collection(
                session, name, model=model, metric=metric, space_id=self.space_id
            )

    def read(self, name: str) -> CollectionRecord:
        with self.catalog.read() as session:
            found = collections.get_collection(session, name)
        assert found is not None
        return found

    def put(
        self,
        name: str,
        given: Mapping[str, Vector],
        *,
        content: bytes | None = None,
        is_text: bool = False,
    ) -> CollectionRecord:
        """Items by id with their embeddings; returns the collection as it then stands."""
        files = {item: content or vector.tobytes() for item, vector in given.items()}
        stored = {item: self._store(content) for item, content in files.items()}
        segment = write_segment(self.blobs, np.stack(list(given.values())))
        collection = self.read(name)
        with self.catalog.write() as session:
            pack_ids = contents.add_packs(
                session, {one.pack_key: one.size_bytes for one in stored.values()}
            )
            contents.add_contents(session, stored.values(), pack_ids=pack_ids)
            if not is_text:
                contents.set_sizes(session, {one.sha256: (4, 3) for one in stored.values()})
            segment_id = features.add_segment(
                session,
                space_id=self.space_id,
                key=segment.key,
                sha256=segment.sha256,
                n_rows=segment.n_rows,
                dim=segment.dim,
            )
            shas = [one.sha256 for one in stored.values()]
            features.add_features(
                session, space_id=self.space_id, segment_id=segment_id, contents=shas
            )
            revision = collections.next_revision(session, collection.id)
            inputs = [_input(item, one) for item, one in stored.items()]
            items.put_items(session, collection.id, inputs, revision=revision or 0)
        return self.read(name)

    def delete(self, name: str, item_id: str) -> CollectionRecord:
        collection = self.read(name)
        with self.catalog.write() as session:
            revision = collections.next_revision(session, collection.id)
            items.delete_item(session, collection.id, item_id, revision=revision or 0)
        return self.read(name)

    def _store(self, content: bytes) -> ContentRecord:
        sha256 = hashlib.sha256(content).hexdigest()
        key = f"packs/{sha256[:16]}-{len(list(self.blobs.keys('packs/')))}"
        self.blobs.put_bytes(key, content)
        return ContentRecord(
            sha256=sha256,
            pack_key=key,
            offset=0,
            size_bytes=len(content),
            width=None,
            height=None,
        )


def _input(item_id: str, content: ContentRecord) -> InputRecord:
    return InputRecord(
        pk=0,
        position=0,
        name=f"{item_id}.jpg",
        item_id=item_id,
        label=None,
        split=None,
        metadata={},
        sha256=content.sha256,
        state="embedded",
        error_code=None,
        error_detail=None,
    )


def random_vectors(n: int, *, dim: int = 4, seed: int = 0) -> Vector:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
