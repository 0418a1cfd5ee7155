"""Indexes as durable files: one for each part, and a manifest that says which make one up.

A part that is written stays as it is: a later snapshot names it again, with what is dead in it
by then, and adds files only for what is new. The catalog has the manifest's sha256, the manifest
those of the parts.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.names import new_id
from zoo.search.flat import FlatPart, Metric, compacted, open_part, write_part
from zoo.search.index import ExactIndex
from zoo.search.manifests import IndexFile, NamedPart, read_manifest, verified, write_manifest
from zoo.storage.blobs import BlobStore, file_sha256

FEWEST_LIVE = 0.5
"""The share of a part's rows below which a snapshot does not name it again."""


class Snapshots:
    """Writes snapshots to a store and maps them from it."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def open(
        self, manifest: IndexFile, *, dim: int, metric: Metric, known: ExactIndex | None = None
    ) -> ExactIndex:
        """The index of a manifest; parts that `known` has mapped are not read again.

        Raises `DamagedError` for files that are missing or not what was written.
        """
        mapped = {part.file: part for part in known.parts if part.file} if known else {}
        parts = []
        for named in read_manifest(self._blobs, manifest):
            found = mapped.get(named.file)
            part = found.revived() if found else self._mapped(named.file, metric=metric)
            parts.append(part.without(np.array(named.dead, np.int64)))
        return ExactIndex.of(parts, dim=dim, metric=metric)

    def stored(self, index: ExactIndex, *, spool: Path) -> ExactIndex:
        """The same index with every part mapped from a durable file."""
        parts = [self._stored(index, part, spool=spool)[0] for part in index.parts]
        return replace(index, parts=tuple(parts))

    def write(self, index: ExactIndex, *, spool: Path) -> IndexFile:
        """Make a durable manifest of an index, and files of the parts that have none."""
        parts = [self._stored(index, part, spool=spool) for part in index.parts]
        named = [NamedPart(file=file, dead=tuple(part.dead().tolist())) for part, file in parts]
        return write_manifest(self._blobs, named)

    def _mapped(self, file: IndexFile, *, metric: Metric) -> FlatPart:
        return replace(open_part(verified(self._blobs, file), metric=metric), file=file)

    def _stored(
        self, index: ExactIndex, part: FlatPart, *, spool: Path
    ) -> tuple[FlatPart, IndexFile]:
        if part.file and len(part) >= FEWEST_LIVE * len(part.pks):
            return part, part.file
        with tempfile.TemporaryDirectory(dir=spool) as folder:
            path = Path(folder) / new_id("part")
            write_part(compacted(part, metric=index.metric), path)
            file = IndexFile(key=f"indexes/{path.name}", sha256=file_sha256(path))
            self._blobs.put(file.key, path)
        return self._mapped(file, metric=index.metric), file
