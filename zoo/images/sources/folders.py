"""A folder of this machine as a source: walked in order and read without following any link."""

from __future__ import annotations

import errno
import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO
from urllib.parse import quote, unquote_to_bytes

from zoo.errors import InvalidError
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
from zoo.storage.confined import NotAFileError, open_folder, open_inner, open_plain_below
from zoo.storage.references import reference_key

NAMES_AT_ONCE = 50_000
"""Names of one folder that are held and sorted at a time; a longer folder is listed again."""
MAX_DEPTH = 64
"""Folders within folders; each holds a descriptor while it is walked."""


class LocalFolder:
    """A folder below an allowed root."""

    def __init__(self, root: Path, parts: Sequence[str]) -> None:
        self._root = root
        self._parts = tuple(parts)

    def walk(self, *, after: str) -> Iterator[Entry]:
        """Files folder by folder, names in order; what is no file or cannot be read has failed.

        At most `NAMES_AT_ONCE` names of each folder on the way are held in memory.
        """
        taken = os.fsdecode(unquote_to_bytes(after))
        folder = open_folder(self._root, self._parts)
        try:
            yield from _walk(folder, "", taken.split("/") if taken else [])
        finally:
            os.close(folder)

    def find(self, path: str) -> FoundFile:
        """The plain file at a path."""
        with self.open(path) as file:
            return _found(path, os.fstat(file.fileno()))

    def read(self, file: FoundFile, limit: int) -> bytes:
        """The first bytes of a file that has not changed since it was found."""
        with self.open(file.path) as opened:
            with _readable():
                # No more than it has: room for all that is asked for is taken at once.
                content = opened.read(min(limit, file.size_bytes))
            if _found(file.path, os.fstat(opened.fileno())) == file:
                return content
        raise lost("file_changed", "the file changed while it was read; try again")

    def read_all(self, wanted: Sequence[Wanted]) -> Iterator[bytes | InvalidError]:
        """One after the other: a disk gives nothing sooner to several who ask."""
        return (try_read(self, one) for one in wanted)

    def open(self, path: str) -> BinaryIO:
        """A plain file."""
        with _readable():
            descriptor = open_plain_below(self._root, (*self._parts, *path.split("/")))
            return os.fdopen(descriptor, "rb")

    def reference(self, path: str) -> str | None:
        """Files below an allowed root may stay where they are."""
        return reference_key(str(self._root.joinpath(*self._parts, path)))


def _walk(folder: int, prefix: str, after: Sequence[str]) -> Iterator[Entry]:
    first = after[0] if after else ""
    for name in _names(folder, first):
        inside = after[1:] if name == first else []
        was_taken = name == first and not inside
        if not was_taken and not is_hidden(name, is_top=not prefix):
            yield from _visit(folder, name, f"{prefix}{name}", inside)


def _names(folder: int, first: str) -> Iterator[str]:
    """The names in a folder from `first` on, in order."""
    last = ""
    while True:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in entries)
            wanted = (name for name in names if name > last and name >= first)
            some = heapq.nsmallest(NAMES_AT_ONCE, wanted)
        yield from some
        if len(some) < NAMES_AT_ONCE:
            return
        last = some[-1]


def _visit(folder: int, name: str, path: str, inside: Sequence[str]) -> Iterator[Entry]:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # deleted since it was listed
        return
    except OSError as error:
        yield _failed(path, "file_unreadable", f"it cannot be read: {error.strerror}")
        return
    if reason := why_unusable(path):
        yield _failed(path, "unusable_name", reason)
    elif S_ISDIR(status.st_mode):
        yield from _enter(folder, name, path, inside)
    elif S_ISREG(status.st_mode):
        yield Entry(position=_position(path), name=path, file=_found(path, status))
    else:
        yield _failed(path, "not_a_file", "it is a link or a special file; links are not followed")


def _enter(folder: int, name: str, path: str, inside: Sequence[str]) -> Iterator[Entry]:
    if path.count("/") >= MAX_DEPTH:
        yield _failed(path, "file_unreadable", f"it lies deeper than {MAX_DEPTH} folders")
        return
    try:
        inner = open_inner(folder, name)
    except OSError as error:
        yield _failed(path, "file_unreadable", f"the folder cannot be read: {error.strerror}")
        return
    try:
        yield from _walk(inner, f"{path}/", inside)
    finally:
        os.close(inner)


def _found(path: str, status: os.stat_result) -> FoundFile:
    return FoundFile(path=path, size_bytes=status.st_size, stamp=str(status.st_mtime_ns))


def _failed(path: str, code: str, detail: str) -> Entry:
    member = failed(path, code, detail)
    return Entry(position=_position(path), name=member.name, file=member)


def _position(path: str) -> str:
    return quote(os.fsencode(path))


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except InvalidError:
        raise
    except NotAFileError as error:
        raise lost("not_a_file", "it is a link or a special file") from error
    except OSError as error:
        raise _refusal(error) from error


def _refusal(error: OSError) -> InvalidError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return lost("file_missing", "there is no such file")
    if error.errno == errno.ELOOP:
        return lost("not_a_file", "a folder on the way is a link; links are not followed")
    return lost("file_unreadable", f"the file cannot be read: {error.strerror}")
