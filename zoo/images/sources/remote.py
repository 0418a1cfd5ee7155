"""A folder of a remote store as a source, over fsspec: listed folder by folder and copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.core import strip_protocol

from zoo.errors import InvalidError, UnavailableError, ZooError
from zoo.images.sources.entries import (
    Entry,
    FoundFile,
    Wanted,
    failed,
    is_hidden,
    lost,
    try_read,
    why_unusable,
)
from zoo.names import new_id
from zoo.storage.remote import connect

READ_AT_ONCE = 16
BYTES_AT_ONCE = 64_000_000
BYTES_A_PART = 16_000_000
STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")
"""What the protocols call that which changes with a file."""
LONGEST_STAMP = 100


class RemoteFolder:
    """A folder at a URL; the listing of each folder on the way is held in memory.

    What is read as a whole, a manifest or an archive, is fetched into `spool` first; `feed` is
    called with each part of it.
    """

    def __init__(
        self, url: str, *, spool: Path, feed: Callable[[], object] = lambda: None
    ) -> None:
        self._files = connect(url.partition("://")[0])
        self._root = str(strip_protocol(url)).rstrip("/")
        self._spool = spool
        self._feed = feed

    def walk(self, *, after: str) -> Iterator[Entry]:
        """Files folder by folder, names in order."""
        yield from self._walk("", after.split("/") if after else [])

    def find(self, path: str) -> FoundFile:
        """The file at a path."""
        with self._reaching():
            return _found(path, self._files.info(self._path(path)))

    def is_folder(self) -> bool:
        """Whether files lie below it."""
        with self._reaching():
            return bool(self._files.isdir(self._root))

    def read(self, file: FoundFile, limit: int) -> bytes:
        """The first bytes of a file."""
        if not file.size_bytes:  # S3 knows no empty range
            return b""
        with self._reaching():
            end = min(limit, file.size_bytes)
            return cast("bytes", self._files.cat_file(self._path(file.path), start=0, end=end))

    def read_all(self, wanted: Sequence[Wanted]) -> Iterator[bytes | InvalidError]:
        """Several at a time, as most of the time of each is waiting."""
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            for some in _windows(wanted):
                yield from pool.map(partial(try_read, self), some)

    def open(self, path: str) -> BinaryIO:
        """A copy of a file, which goes when it is closed."""
        self._spool.mkdir(parents=True, exist_ok=True)
        copy = self._spool / new_id("source")
        try:
            with copy.open("wb") as file:
                for part in self._parts(self.find(path)):
                    file.write(part)
                    self._feed()
            return copy.open("rb")
        finally:
            copy.unlink(missing_ok=True)

    def _parts(self, file: FoundFile) -> Iterator[bytes]:
        """A file bit by bit: protocols tell seldom, or never, how far they have fetched one."""
        for start in range(0, file.size_bytes, BYTES_A_PART):
            end = min(start + BYTES_A_PART, file.size_bytes)
            with self._reaching():
                found = self._files.cat_file(self._path(file.path), start=start, end=end)
            if len(found) != end - start:
                raise lost("file_changed", "the file changed while it was fetched; try again")
            yield found

    def reference(self, _path: str) -> str | None:
        """Nothing far away can be relied on: it is copied."""
        return None

    def _walk(self, prefix: str, after: Sequence[str]) -> Iterator[Entry]:
        first = after[0] if after else ""
        for name, about in self._list(prefix):
            if name < first or is_hidden(name, is_top=not prefix):
                continue
            if _is_folder(about):
                yield from self._walk(f"{prefix}{name}/", after[1:] if name == first else [])
            elif name != first:
                yield _entry(f"{prefix}{name}", about)

    def _list(self, prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
        folder = self._path(prefix.rstrip("/"))
        with self._reaching():
            try:
                rows = self._files.ls(folder, detail=True)
            except FileNotFoundError:  # a folder there is as long as files are in it
                return []
        inner = [(row["name"].rstrip("/"), row) for row in rows]
        names = [(path.rpartition("/")[2], row) for path, row in inner if path != folder]
        # A bucket may have both a file and a folder of a name: the file comes first.
        return sorted(names, key=lambda pair: (pair[0], _is_folder(pair[1])))

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise lost("file_missing", "there is no such file") from error
        except PermissionError as error:
            raise lost("file_unreadable", f"the file cannot be read: {error}") from error
        except ZooError:
            raise
        except Exception as error:  # each protocol's client has exceptions of its own
            raise UnavailableError(
                f"the source cannot be reached: {str(error) or type(error).__name__}",
                code="source_unavailable",
                retry_after_s=30,
            ) from error


def _windows(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Files that are read at the same time: a bounded number of bytes, or one file."""
    some: list[Wanted] = []
    room = BYTES_AT_ONCE
    for one in wanted:
        size_bytes = min(one.limit, one.file.size_bytes)
        if some and (len(some) == READ_AT_ONCE or size_bytes > room):
            yield some
            some, room = [], BYTES_AT_ONCE
        some.append(one)
        room -= size_bytes
    if some:
        yield some


def _entry(path: str, about: Mapping[str, Any]) -> Entry:
    reason = why_unusable(path)
    if reason is None:
        return Entry(position=path, name=path, file=_found(path, about))
    member = failed(path, "unusable_name", reason)
    return Entry(position=path, name=member.name, file=member)


def _is_folder(about: Mapping[str, Any]) -> bool:
    return bool(about["type"] == "directory")


def _found(path: str, about: Mapping[str, Any]) -> FoundFile:
    if _is_folder(about):
        raise lost("not_a_file", "it is a folder")
    stamp = next((str(about[name]) for name in STAMPS if about.get(name) is not None), "")
    return FoundFile(path=path, size_bytes=int(about["size"] or 0), stamp=stamp[:LONGEST_STAMP])
