"""Reading a long file as work that gets on: the watchdog is fed with what is read of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

READ_BYTES = 1 << 16
"""Read at a time, and no more: from a zip's members one may have to jump to others."""


def feeding(file: BinaryIO, feed: Callable[[], object]) -> BinaryIO:
    """The same file, which calls `feed` each time that something is read of it."""
    return io.BufferedReader(_Feeding(file, feed), READ_BYTES)


class _Feeding(io.RawIOBase):
    def __init__(self, file: BinaryIO, feed: Callable[[], object]) -> None:
        self._file = file
        self._feed = feed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase gives no other
        self._feed()
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
