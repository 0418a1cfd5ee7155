"""Which files to send, and how many of them a request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo.errors import InvalidError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
BATCH_FILES = 128
BATCH_BYTES = 64_000_000


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file to send and the name that its item gets."""

    path: Path
    name: str

    @property
    def size_bytes(self) -> int:
        """How large the file is; raises `InvalidError` if it is gone."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def open(self) -> BinaryIO:
        """The file for reading; raises `InvalidError` if it may not be read."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.path, error) from error


def gather(paths: Iterable[Path]) -> tuple[Upload, ...]:
    """Files as given, and of folders every picture and archive in them, in order of names.

    Raises `InvalidError` for a path that is not there and for a folder without a picture.
    """
    return tuple(upload for path in paths for upload in _gather(path))


def batches(uploads: Iterable[Upload]) -> Iterator[tuple[Upload, ...]]:
    """Groups that fit a request well: many small files, few large ones."""
    batch: list[Upload] = []
    size_bytes = 0
    for upload in uploads:
        if batch and (len(batch) == BATCH_FILES or size_bytes + upload.size_bytes > BATCH_BYTES):
            yield tuple(batch)
            batch, size_bytes = [], 0
        batch.append(upload)
        size_bytes += upload.size_bytes
    if batch:
        yield tuple(batch)


def _gather(path: Path) -> list[Upload]:
    if path.is_file():
        return [_upload(path, path.name)]
    if not path.is_dir():
        raise InvalidError(f"there is no file or folder {path}", code="no_such_file")
    found = [
        _upload(file, file.relative_to(path).as_posix())
        for file in sorted(path.rglob("*"))
        if _is_wanted(file) and file.is_file()
    ]
    if not found:
        raise InvalidError(
            f"the folder {path} holds no picture; looked for "
            f"{', '.join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))}",
            code="no_files",
        )
    return found


def _is_wanted(file: Path) -> bool:
    name = file.name.lower()
    return file.suffix.lower() in IMAGE_SUFFIXES or name.endswith(ARCHIVE_ENDINGS)


def _upload(path: Path, name: str) -> Upload:
    """With what of the name is not UTF-8 replaced, as a request could not hold it."""
    return Upload(path=path, name=os.fsencode(name).decode(errors="replace"))


def _unreadable(path: Path, error: OSError) -> InvalidError:
    return InvalidError(f"{path} cannot be read: {error.strerror}", code="unreadable_file")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the service reads by itself: a path of its machine, or a URL."""

    location: str
    copy: bool = False

    def as_json(self) -> dict[str, object]:
        """As requests name it."""
        kind = "url" if "://" in self.location else "path"
        return {kind: self.location, "copy": self.copy}
