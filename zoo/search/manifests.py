"""Manifests: which files make up the snapshot of an index, and what is dead in each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from zoo.errors import DamagedError
from zoo.names import new_id
from zoo.storage.blobs import BlobStore, file_sha256


@dataclass(frozen=True, kw_only=True)
class IndexFile:
    """A durable file of an index, by its key in the store."""

    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class NamedPart:
    """A part of an index, and the pks of those of its rows that are dead."""

    file: IndexFile
    dead: tuple[int, ...]


def write_manifest(blobs: BlobStore, parts: list[NamedPart]) -> IndexFile:
    """Make a manifest durable."""
    content = json.dumps({"parts": [asdict(part) for part in parts]}).encode()
    key = f"indexes/{new_id('index')}.json"
    blobs.put_bytes(key, content)
    return IndexFile(key=key, sha256=sha256(content).hexdigest())


def read_manifest(blobs: BlobStore, manifest: IndexFile) -> list[NamedPart]:
    """What a manifest names; `DamagedError` if it is missing or not as it was written."""
    path = verified(blobs, manifest)
    try:
        parts = json.loads(path.read_bytes())["parts"]
        return [
            NamedPart(file=IndexFile(**part["file"]), dead=tuple(part["dead"])) for part in parts
        ]
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"the index snapshot {manifest.key!r} is no manifest") from error


def verified(blobs: BlobStore, file: IndexFile) -> Path:
    """A file of an index on this machine; `DamagedError` if it is not as it was written."""
    path = blobs.local_path(file.key)
    if file_sha256(path) != file.sha256:
        raise DamagedError(f"the index snapshot {file.key!r} does not match its checksum")
    return path
