"""Originals by reference: files of this machine, read where they stand, below allowed roots."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from zoo.errors import DamagedError, InvalidError
from zoo.storage.confined import NotAFileError, open_plain_below

if TYPE_CHECKING:
    from zoo.storage.blobs import BlobStore, StoredBlob

REFERENCE = "ref:"
"""What the key of an original by reference begins with; its path follows."""
LOST = f"{REFERENCE}lost:"
"""What the key of an original begins with whose pack was damaged; the pack's key follows.

It is nowhere, as a file by reference that has gone, until somebody brings the same bytes again.
"""
NOT_ALLOWED = (
    "{path!r} is not below a folder that sources may name; ZOO_ALLOWED_ROOTS says which are"
)


@dataclass(frozen=True, kw_only=True)
class AllowedPath:
    """A path below an allowed root, in parts none of which leads upwards."""

    root: Path
    parts: tuple[str, ...]


def allowed_path(path: str, roots: Sequence[Path]) -> AllowedPath:
    """Where a path lies below an allowed root; `InvalidError` `source_not_allowed` if nowhere.

    Only the text is looked at, so that the answer tells nothing of what exists.
    """
    given = PurePosixPath(path)
    if "\0" not in path and ".." not in given.parts:
        for root in sorted(roots, key=lambda root: len(root.parts), reverse=True):
            if root.is_absolute() and given.is_relative_to(root):
                return AllowedPath(root=root, parts=given.relative_to(root).parts)
    raise InvalidError(NOT_ALLOWED.format(path=path[:200]), code="source_not_allowed")


def reference_key(path: str) -> str:
    """The pack key of a file that is its own pack."""
    return f"{REFERENCE}{path}"


def lost_key(pack_key: str) -> str:
    """The pack key of what was lost with a damaged pack."""
    return f"{LOST}{pack_key}"


def is_reference(key: str) -> bool:
    """Whether a pack key names a file outside of the store."""
    return key.startswith(REFERENCE)


def changed(key: str) -> DamagedError:
    """The error for a file that is not what it was when it was taken in."""
    path = key.removeprefix(REFERENCE)
    return DamagedError(
        f"{path} has changed since it was taken in; ingest its source again", code="file_changed"
    )


class ReferringBlobs:
    """A blob store that reads originals by reference too; all else is the inner store's."""

    def __init__(self, inner: BlobStore, *, roots: Sequence[Path]) -> None:
        self._inner = inner
        self._roots = tuple(roots)

    def put(self, key: str, source: Path) -> None:
        """Into the store."""
        self._inner.put(key, source)

    def put_bytes(self, key: str, content: bytes) -> None:
        """Into the store."""
        self._inner.put_bytes(key, content)

    def open(self, key: str) -> BinaryIO:
        """A blob of the store."""
        return self._inner.open(key)

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """A part of a blob, or a whole file by reference.

        `DamagedError` with code `file_missing` or `file_changed` for a file that is gone, or of
        another size.
        """
        if is_reference(key):
            return _read(key, size, self._roots)
        return self._inner.read_range(key, offset, size)

    def local_path(self, key: str) -> Path:
        """A blob of the store."""
        return self._inner.local_path(key)

    def delete(self, key: str) -> None:
        """From the store."""
        self._inner.delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        """Of the store; files by reference are not in it."""
        return self._inner.keys(prefix)

    def sweep(self) -> int:
        """In the store."""
        return self._inner.sweep()

    def list_blobs(self, prefix: str) -> Iterator[StoredBlob]:
        """Of the store."""
        return self._inner.list_blobs(prefix)


def _read(key: str, size: int, roots: Sequence[Path]) -> bytes:
    if key.startswith(LOST):
        pack_key = key.removeprefix(LOST)
        raise DamagedError(
            f"the original was lost when {pack_key} was damaged; send the file again",
            code="file_missing",
        )
    path = key.removeprefix(REFERENCE)
    try:
        place = allowed_path(path, roots)
        descriptor = open_plain_below(place.root, place.parts)
    except InvalidError as error:
        raise DamagedError(error.detail, code="file_missing") from error
    except NotAFileError as error:
        raise changed(key) from error
    except OSError as error:
        raise DamagedError(
            f"{path} cannot be read where it was: {error.strerror}", code="file_missing"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        found = file.read(size + 1)
    if len(found) != size:
        raise changed(key)
    return found
