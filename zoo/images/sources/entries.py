"""What a source gives, one entry after the other, and how it is read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO, Protocol

from zoo.errors import InvalidError
from zoo.images.archives import FailedMember, Member
from zoo.images.attributes import NOTHING, Attributes

LONGEST_PATH = 1000
"""Bytes; PostgreSQL indexes none that is much longer."""
BY_ID = "id:"
"""What the name of a file begins with that is told from others by the id given to it."""
SAID = re.compile(r"\+[0-9a-f]{16}$")
"""The part of a stamp that stands for what is said of a file."""


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A plain file of a source, looked at but not read."""

    path: str  # below the source, parts with '/' between
    size_bytes: int
    stamp: str  # changes whenever the file does


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file that a source gives, or why it cannot be taken."""

    position: str  # where a later look goes on: after this entry
    name: str  # tells it from the source's others
    file: FoundFile | Member | FailedMember  # a member is a text that stands in a manifest
    attributes: Attributes = NOTHING

    @property
    def stamp(self) -> str:
        """Changes whenever the file does, or what is said of it."""
        if isinstance(self.file, FoundFile):
            path = self.file.path if self.name.startswith(BY_ID) else ""
            return with_said(self.file.stamp, self.attributes, path=path)
        content = self.file.content if isinstance(self.file, Member) else b""
        return with_said(hashlib.sha256(content).hexdigest()[:16], self.attributes)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """So many first bytes of a file."""

    file: FoundFile
    limit: int


class Place(Protocol):
    """A folder, of this machine or of a remote store."""

    def walk(self, *, after: str) -> Iterator[Entry]:
        """All files below it in order, after a position; hidden ones are passed over."""
        ...

    def find(self, path: str) -> FoundFile:
        """The file at a path below it; `InvalidError` with an input's code if there is none."""
        ...

    def read(self, file: FoundFile, limit: int) -> bytes:
        """The first `limit` bytes; `InvalidError` with an input's code if they cannot be had."""
        ...

    def read_all(self, wanted: Sequence[Wanted]) -> Iterator[bytes | InvalidError]:
        """What `read` gives or raises for each, in order; a few are held at a time."""
        ...

    def open(self, path: str) -> BinaryIO:
        """The file at a path, to read from any place in it; errors as of `read`."""
        ...

    def reference(self, path: str) -> str | None:
        """The pack key of a file that may be read where it stands; None if none may."""
        ...


def with_said(stamp: str, attributes: Attributes, *, path: str = "") -> str:
    """A stamp that also changes with what is said of a file; `path` where its name has no path."""
    if attributes is NOTHING:
        return stamp
    place = {"path": path} if path else {}
    said = json.dumps({**asdict(attributes), **place}, sort_keys=True)
    return f"{stamp}+{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def is_said_alike(stamp: str, other: str) -> bool:
    """Whether the same is said of a file by two of its stamps."""
    return SAID.findall(stamp) == SAID.findall(other)


def is_anything_said(stamp: str) -> bool:
    """Whether anything is said of a file with this stamp."""
    return SAID.search(stamp) is not None


def short_name(name: str) -> str:
    """A name that tells a file from others and fits an index of any database."""
    if len(name.encode()) <= LONGEST_PATH:
        return name
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def why_unusable(path: str) -> str | None:
    """What keeps a path from being stored; None if nothing does."""
    try:
        size_bytes = len(path.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    if "\0" in path:
        return "its name holds a NUL character; rename it"
    if size_bytes > LONGEST_PATH:
        return f"its path below the source has {size_bytes} bytes; at most {LONGEST_PATH} are kept"
    return None


def is_hidden(name: str, *, is_top: bool) -> bool:
    """Whether a file or folder is passed over, as in archives."""
    return name.startswith(".") or (is_top and name == "__MACOSX")


def failed(path: str, code: str, detail: str) -> FailedMember:
    """An entry that cannot be taken, under a name that can be shown."""
    shown = path.encode("utf-8", "backslashreplace").decode()
    return FailedMember(name=shown, code=code, detail=detail)


def lost(code: str, detail: str) -> InvalidError:
    """The error for a file that cannot be had; `code` is an input's."""
    return InvalidError(detail, code=code)


def try_read(place: Place, wanted: Wanted) -> bytes | InvalidError:
    """What a file gives, or why it gives nothing."""
    try:
        return place.read(wanted.file, wanted.limit)
    except InvalidError as error:
        return error
