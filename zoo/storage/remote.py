"""The blob store over fsspec: objects of a bucket, read in ranges or through a cache of files."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from zoo.errors import DamagedError, StartError, UnavailableError, ZooError
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, StoredBlob, check_key, is_full, out_of_room
from zoo.storage.cache import BlobCache

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
ATTEMPTS = 2
RETRY_AFTER_S = 30

# Listings change under us: other processes write. Credentials, region and endpoint are looked
# for where all of Amazon's tools look, as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL.
_S3_OPTIONS = {
    "use_listings_cache": False,
    "config_kwargs": {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "retries": {"max_attempts": ATTEMPTS},
    },
}


_WRITTEN = ("LastModified", "created", "mtime", "updated")
"""What different stores call the instant of writing."""


class RemoteBlobs:
    """Blobs as objects below a path `bucket/folder`; connects on first use, in one process.

    An object store has no half-written objects and no renames: what `put` has returned from is
    durable, what it has not is not there.
    """

    def __init__(self, files: fsspec.AbstractFileSystem, root: str, *, cache: BlobCache) -> None:
        self._files = files
        self._root = root.strip("/")
        self._cache = cache

    def put(self, key: str, source: Path) -> None:
        """Send the file, then remove it."""
        path = self._path(key)
        with self._reaching(key):
            self._files.put_file(str(source), path)
        source.unlink()

    def put_bytes(self, key: str, content: bytes) -> None:
        """Send the bytes."""
        path = self._path(key)
        with self._reaching(key):
            self._files.pipe_file(path, content)

    def open(self, key: str) -> BinaryIO:
        """Open the copy."""
        return self.local_path(key).open("rb")

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Fetch a part of the object."""
        path = self._path(key)
        with self._reading(key):
            found = self._range(path, offset, size)
        if len(found) == size:
            return found
        raise DamagedError(f"{key} ends at byte {offset + len(found)}, before {offset + size}")

    def local_path(self, key: str) -> Path:
        """The cached copy; open it within a minute."""
        path = self._path(key)
        return self._cache.path(key, lambda target: self._fetch(key, path, target))

    def delete(self, key: str) -> None:
        """Remove the object, and our copy of it."""
        path = self._path(key)
        self._cache.forget(key)
        with self._reaching(key), suppress(FileNotFoundError):
            self._files.rm_file(path)

    def keys(self, prefix: str) -> Iterator[str]:
        """List the objects below the prefix's folder."""
        for blob in self.list_blobs(prefix):
            yield blob.key

    def list_blobs(self, prefix: str) -> Iterator[StoredBlob]:
        """List the objects below the prefix's folder."""
        folder = f"{self._root}/{prefix.rpartition('/')[0]}".rstrip("/")
        with self._reaching(f"the list of {prefix or 'all blobs'}"):
            found: dict[str, dict[str, Any]] = self._files.find(folder, detail=True)
        for path, about in found.items():
            key = path.removeprefix(f"{self._root}/")
            if key.startswith(prefix):
                yield StoredBlob(
                    key=key, size_bytes=int(about["size"]), written_at=_written_at(about)
                )

    def sweep(self) -> int:
        """Nothing: an object is there as a whole or not at all."""
        return 0

    def _range(self, path: str, offset: int, size: int) -> bytes:
        if not size:  # S3 knows no empty range and would send everything
            self._files.info(path)
            return b""
        try:
            found: bytes = self._files.cat_file(path, start=offset, end=offset + size)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return b""  # it ends before the range begins
        return found

    def _fetch(self, key: str, path: str, target: Path) -> None:
        with self._reading(key):
            size = self._files.info(path)["size"]
            self._files.get_file(path, str(target))
        found = target.stat().st_size
        if found != size:
            raise _unreachable(key, f"{found} of its {size} bytes came")

    def _path(self, key: str) -> str:
        check_key(key)
        return f"{self._root}/{key}"

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        with self._reaching(key):
            try:
                yield
            except FileNotFoundError as error:
                if not self._files.exists(self._root.partition("/")[0]):
                    raise
                raise DamagedError(f"{key} is missing from the blob store") from error

    @contextmanager
    def _reaching(self, key: str) -> Iterator[None]:
        try:
            yield
        except ZooError:
            raise
        except Exception as error:  # each protocol's client has exceptions of its own
            if isinstance(error, OSError) and is_full(error):
                raise out_of_room(f"a copy of {key}", error) from error
            raise _unreachable(key, str(error) or type(error).__name__) from error


def open_remote(settings: Settings, protocol: str) -> BlobStore:
    """The blob store at `settings.storage_url`; `StartError` if its protocol cannot be spoken."""
    try:
        files = connect(protocol)
    except (ImportError, ValueError) as error:
        raise StartError(
            f"ZOO_STORAGE_URL is {settings.storage_url!r}, "
            f"but {protocol!r} cannot be spoken: {error}"
        ) from error
    cache = BlobCache(settings.home / "cache", max_bytes=settings.cache_bytes)
    return RemoteBlobs(files, settings.storage_url.partition("://")[2], cache=cache)


def connect(protocol: str) -> fsspec.AbstractFileSystem:
    """A remote store's files; connects on first use. `ImportError` or `ValueError` if it cannot
    be spoken to.
    """
    options = _S3_OPTIONS if protocol == "s3" else {"use_listings_cache": False}
    return fsspec.filesystem(protocol, skip_instance_cache=True, **options)


def _written_at(about: Mapping[str, Any]) -> float:
    """When an object was written; now, if its store does not say: then it is never old."""
    found = next((about[name] for name in _WRITTEN if name in about), None)
    return found.timestamp() if isinstance(found, datetime) else time.time()


def _unreachable(what: str, reason: str) -> UnavailableError:
    return UnavailableError(
        f"the blob store cannot give or take {what}: {reason}",
        code="storage_unavailable",
        retry_after_s=RETRY_AFTER_S,
    )
