"""Which files to send, and how many of them a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo.errors import InvalidError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
ARCHIVE_SUFFIXES = frozenset({".zip", ".tar"})
BATCH_FILES = 128
BATCH_BYTES = 64_000_000


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file to send and the name that its item gets."""

    path: Path
    name: str

    @property
    def size_bytes(self) -> int:
        """How large the file is."""
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        """The file for reading; raises `InvalidError` if it may not be read."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InvalidError(
                f"{self.path} cannot be read: {error.strerror}", code="unreadable_file"
            ) from error


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
        return [Upload(path=path, name=path.name)]
    if not path.is_dir():
        raise InvalidError(f"there is no file or folder {path}", code="no_such_file")
    found = [
        Upload(path=file, name=file.relative_to(path).as_posix())
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES | ARCHIVE_SUFFIXES and file.is_file()
    ]
    if not found:
        raise InvalidError(
            f"the folder {path} holds no picture; looked for "
            f"{', '.join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))}",
            code="no_files",
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the service reads by itself: a path of its machine, or a URL."""

    location: str
    copy: bool = False

    def as_json(self) -> dict[str, object]:
        """As requests name it."""
        kind = "url" if "://" in self.location else "path"
        return {kind: self.location, "copy": self.copy}
