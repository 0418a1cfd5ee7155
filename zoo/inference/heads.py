"""Classifiers of record, verified before their first use and kept while they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from zoo.backbone import NativeHead
from zoo.errors import DamagedError
from zoo.predictor import HeadRef
from zoo.storage.blobs import BlobStore, file_sha256
from zoo.training.heads import Head, read_head

_KEPT = 32  # a head of 1,000 classes on 1,280 numbers is 5 MB


class HeadCache:
    """The last heads used, by checksum; thread-safe."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._heads: OrderedDict[str, Head] = OrderedDict()

    def get(self, ref: HeadRef) -> Head:
        """The head, if its file has the checksum it must have; else `DamagedError`."""
        with self._lock:
            head = self._heads.get(ref.sha256) or self._read(ref)
            self._heads[ref.sha256] = head
            self._heads.move_to_end(ref.sha256)
            if len(self._heads) > _KEPT:
                self._heads.popitem(last=False)
        return head

    def _read(self, ref: HeadRef) -> Head:
        path = self._blobs.local_path(ref.blob_key)
        found = file_sha256(path)
        if found != ref.sha256:
            raise DamagedError(
                f"the head {ref.blob_key!r} has the checksum {found}; it should be {ref.sha256}"
            )
        return read_head(path)


def head_of(native: NativeHead | None) -> Head | None:
    """The classifier that weights were trained with, out of torch."""
    if native is None:
        return None
    return Head(
        matrix=np.ascontiguousarray(native.matrix.detach().float().numpy()),
        bias=np.ascontiguousarray(native.bias.detach().float().numpy()),
        labels=tuple(native.labels),
    )
