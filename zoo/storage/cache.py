"""Copies of remote blobs on this machine's disk: verified, replaceable, bounded in size."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zoo.names import new_id
from zoo.storage.blobs import file_sha256, out_of_room
from zoo.storage.stamps import Stamp, stamp_of

IN_USE_S = 60.0
"""A copy asked for so lately may be about to be opened, and stays whatever the bound says."""
TRIM_SHARE = 16
"""The bound is looked after when copies of a sixteenth of it have come: looking lists them all."""
_PARTS = ".parts"

Fetch = Callable[[Path], None]
"""Writes a blob to a path of this machine, whole, or raises."""


@dataclass(frozen=True, kw_only=True)
class _Copy:
    path: Path
    used_at: float
    size_bytes: int


class BlobCache:
    """Copies as `<key>/<sha256 of the copy>`; processes may share the folder. Thread-safe.

    A copy that is not what was fetched any more is fetched again: each process looks once, and
    when the file changes.
    """

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._verified: dict[Path, Stamp] = {}
        self._untrimmed = max_bytes  # so that the first copy looks what others have left
        self._lock = threading.Lock()

    def path(self, key: str, fetch: Fetch) -> Path:
        """The copy of a blob, fetched if there is none."""
        found = self._found(key)
        if found is None:
            return self._fetched(key, fetch)
        with suppress(FileNotFoundError):  # trimmed just now: whoever opens it is told
            _note_use(found)
        return found

    def forget(self, key: str) -> None:
        """Remove the copy of a blob, if there is one."""
        for path in _files_of(self._root / key):
            self._remove(path)

    def _found(self, key: str) -> Path | None:
        path = next(iter(_files_of(self._root / key)), None)
        if path is None:
            return None
        try:
            return path if self._is_whole(path) else None
        except FileNotFoundError:
            return None

    def _is_whole(self, path: Path) -> bool:
        """Whether a copy is what was fetched; one that is not is removed."""
        stamp = stamp_of(path)
        if self._verified.get(path) == stamp:
            return True
        if file_sha256(path) != path.name:
            path.unlink(missing_ok=True)
            return False
        self._verified[path] = stamp
        return True

    def _fetched(self, key: str, fetch: Fetch) -> Path:
        part = self._root / _PARTS / new_id("part")
        try:
            part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fetch(part)
            size_bytes = part.stat().st_size
            path = self._root / key / file_sha256(part)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.replace(path)
        except OSError as error:
            raise out_of_room(f"a copy of {key}", error) from error
        finally:
            part.unlink(missing_ok=True)
        self._verified[path] = stamp_of(path)
        self._count(size_bytes)
        return path

    def _count(self, size_bytes: int) -> None:
        with self._lock:
            self._untrimmed += size_bytes
            if self._untrimmed < self._max_bytes / TRIM_SHARE:
                return
            self._untrimmed = 0
        self._trim()

    def _trim(self) -> None:
        """Remove what was not used for longest, until the rest is within the bound."""
        copies = sorted(self._copies(), key=lambda copy: copy.used_at)
        too_many = sum(copy.size_bytes for copy in copies) - self._max_bytes
        settled = time.time() - IN_USE_S
        for copy in copies:
            if too_many <= 0 or copy.used_at > settled:
                return
            self._remove(copy.path)
            too_many -= copy.size_bytes

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._verified.pop(path, None)
        if path.parent.name != _PARTS:  # where others may be about to write
            with suppress(OSError):
                path.parent.rmdir()

    def _copies(self) -> list[_Copy]:
        found = []
        for path in self._root.rglob("*"):
            with suppress(FileNotFoundError):
                stat = path.stat()
                if path.is_file():
                    copy = _Copy(path=path, used_at=stat.st_atime, size_bytes=stat.st_size)
                    found.append(copy)
        return found


def _note_use(path: Path) -> None:
    """Now, as its time of access: that of its content tells whether it is still what it was."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def _files_of(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
