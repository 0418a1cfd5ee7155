"""The blob store: durable, immutable files by key."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from zoo.errors import DamagedError, InvalidError, StartError, UnavailableError
from zoo.names import new_id
from zoo.settings import Settings
from zoo.storage.references import ReferringBlobs

KEY = re.compile(r"[a-z]+(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
KINDS = (
    "packs/", "segments/", "indexes/", "versions/", "archives/", "features/", "checkpoints/",
)  # fmt: skip
"""What stands in the blob store; strangers' files beside them are left alone."""
"""No part of a key begins with a dot: none leads out of the root, none is a file half written."""


PART = "part"
"""What a file's name begins with, after a dot, while it is written."""


@dataclass(frozen=True, kw_only=True)
class StoredBlob:
    """A blob as a listing shows it."""

    key: str
    size_bytes: int
    written_at: float  # seconds since the epoch, by the clock of whoever holds it


class BlobStore(Protocol):
    """Where files of record live; a blob never changes once it is put."""

    def put(self, key: str, source: Path) -> None:
        """Take a local file over; the blob is durable when this returns."""
        ...

    def put_bytes(self, key: str, content: bytes) -> None:
        """Store bytes; the blob is durable when this returns."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open for reading; `DamagedError` if there is no such blob."""
        ...

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; `DamagedError` if they are not there."""
        ...

    def local_path(self, key: str) -> Path:
        """A file on this machine with the blob's content; `DamagedError` if there is none."""
        ...

    def delete(self, key: str) -> None:
        """Remove a blob; a missing one is fine."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a prefix, in no order."""
        ...

    def sweep(self) -> int:
        """Remove what was written by half and is no blob; returns how many files that were.

        Nobody may be writing meanwhile.
        """
        ...

    def list_blobs(self, prefix: str) -> Iterator[StoredBlob]:
        """The blobs whose keys begin with a prefix, in no order."""
        ...


class LocalBlobs:
    """Blobs as files of one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, source: Path) -> None:
        """Flush the file, give it its name, and flush the folder that knows the name."""
        target = self._path(key)
        with _room_for(key):
            _make_folder(target.parent)
            if source.stat().st_dev == target.parent.stat().st_dev:
                _name_durably(source, target)
            else:
                _copy_durably(source, target)
                source.unlink()

    def put_bytes(self, key: str, content: bytes) -> None:
        """Write beside the final name, then put."""
        target = self._path(key)
        with _room_for(key):
            _make_folder(target.parent)
            with _beside(target) as part:
                part.write_bytes(content)
                _name_durably(part, target)

    def open(self, key: str) -> BinaryIO:
        """Open the file."""
        try:
            return self.local_path(key).open("rb")
        except FileNotFoundError as error:  # it went in this very moment
            raise missing(key) from error

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Read a part of the file."""
        with self.open(key) as file:
            found = os.pread(file.fileno(), size, offset)
        if len(found) == size:
            return found
        raise DamagedError(f"{key} ends at byte {offset + len(found)}, before {offset + size}")

    def local_path(self, key: str) -> Path:
        """The file itself."""
        path = self._path(key)
        if path.is_file():
            return path
        raise missing(key)

    def delete(self, key: str) -> None:
        """Unlink the file."""
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        """Walk over the files, leaving out those that are not complete."""
        for blob in self.list_blobs(prefix):
            yield blob.key

    def list_blobs(self, prefix: str) -> Iterator[StoredBlob]:
        """Walk over the files of the prefix's folder, one that goes meanwhile left out."""
        for path in (self._root / prefix.rpartition("/")[0]).rglob("*"):
            key = path.relative_to(self._root).as_posix()
            with suppress(FileNotFoundError):
                found = path.stat()
                if path.is_file() and key.startswith(prefix) and not path.name.startswith("."):
                    # A file that was spooled is older than its name.
                    written_at = max(found.st_mtime, found.st_ctime)
                    yield StoredBlob(key=key, size_bytes=found.st_size, written_at=written_at)

    def sweep(self) -> int:
        """Remove the files that were given a name only to be written under."""
        parts = [path for path in self._root.rglob(f".{PART}_*") if path.is_file()]
        for path in parts:
            path.unlink()
        return len(parts)

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key


def check_key(key: str) -> None:
    """Refuse a key that could lead out of the store."""
    if not KEY.fullmatch(key):
        raise InvalidError(f"blob key {key!r} is not of the form folder/name")


def missing(key: str) -> DamagedError:
    """The error for a blob that is not there."""
    return DamagedError(f"{key} is missing from the blob store")


def storage_protocol(settings: Settings) -> str:
    """What `storage_url` speaks, empty for files in the home; `StartError` if it is no URL."""
    place = urlsplit(settings.storage_url)
    has_place = place.path.startswith("/") if place.scheme == "file" else bool(place.netloc)
    if settings.storage_url and not (place.scheme and has_place):
        raise StartError(
            f"ZOO_STORAGE_URL is {settings.storage_url!r}; "
            "it should be s3://bucket/folder or file:///folder"
        )
    return place.scheme


def open_blobs(settings: Settings) -> BlobStore:
    """The blob store that the settings name, by default the home's own folder.

    It reads originals by reference too, below the allowed roots.
    """
    return ReferringBlobs(_open_store(settings), roots=settings.allowed_root_folders)


def _open_store(settings: Settings) -> BlobStore:
    protocol = storage_protocol(settings)
    if protocol in ("", "file"):
        folder = unquote(urlsplit(settings.storage_url).path)
        return LocalBlobs(Path(folder or settings.home / "blobs"))
    try:
        # By name: fsspec is an extra's, and nobody without a remote store should wait for it.
        remote = import_module("zoo.storage.remote")
    except ImportError as error:
        raise StartError(f"{error}; pip install 'featurezoo[s3]'") from error
    opened: BlobStore = remote.open_remote(settings, protocol)
    return opened


def file_sha256(path: Path) -> str:
    """sha256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _room_for(key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise out_of_room(key, error) from error


def out_of_room(what: str, error: OSError) -> UnavailableError:
    """The error for a file that could not be written."""
    return UnavailableError(
        f"cannot store {what}: {error.strerror or error}",
        code="disk_full" if is_full(error) else "storage_unavailable",
        retry_after_s=30,
    )


def is_full(error: OSError) -> bool:
    """Whether it says that a disk of this machine has no room left."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _copy_durably(source: Path, target: Path) -> None:
    """A rename cannot leave its file system, as where blobs are on a disk of their own."""
    with _beside(target) as part:
        shutil.copyfile(source, part)
        _name_durably(part, target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A name in the target's folder to write under; gone afterwards, unless it was renamed."""
    part = target.parent / f".{new_id(PART)}"
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _name_durably(source: Path, target: Path) -> None:
    """The content first, the name only then: a name never stands for half a file."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)
    flush_folder(target.parent)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Have a folder's names, or a file's bytes, on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
