"""Packs: many originals in one durable file, each found by its place and known by its sha256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from zoo.catalog import Catalog, contents
from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError
from zoo.names import new_id
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, out_of_room
from zoo.storage.references import changed, is_reference


@dataclass(frozen=True, kw_only=True)
class PackedContent:
    """Where a content stands; durable only after the writer's commit."""

    sha256: str
    pack_key: str
    offset: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Written:
    """Durable packs, by key with their size in bytes, and the contents that stand in them."""

    packs: Mapping[str, int]
    contents: Sequence[ContentRecord]


FindStored = Callable[[Collection[str]], Collection[str]]
"""Which of some contents (sha256, hex) are in packs of the store already."""


class PackWriter:
    """Collects one request's or shard's contents in packs; the same bytes are stored once.

    What the store has already, as `find_stored` says, is not stored again. A context manager:
    what was not committed leaves nothing behind. Not thread-safe; one part is open at a time.
    """

    def __init__(
        self, blobs: BlobStore, *, spool: Path, pack_bytes: int, find_stored: FindStored
    ) -> None:
        self._blobs = blobs
        self._spool = spool
        self._pack_bytes = pack_bytes
        self._find_stored = find_stored
        self._known: dict[str, PackedContent] = {}
        self._full: list[tuple[str, Path]] = []
        self._key = ""
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def begin(self) -> PackPart:
        """A new part at the end of the open pack."""
        return PackPart(self, self._open_pack(), self._key)

    def add(self, content: bytes) -> PackedContent:
        """Store bytes as a part of their own."""
        part = self.begin()
        part.write(content)
        return part.finish()

    def add_all(self, given: Sequence[bytes]) -> list[str]:
        """Store those of some contents that are nowhere yet; returns the sha256 (hex) of each.

        Known ones are not even written beside, as those of `add` are until the commit.
        """
        sha256s = [hashlib.sha256(content).hexdigest() for content in given]
        asked = frozenset(sha256s) - self._known.keys()
        stored = frozenset(self._find_stored(asked)) if asked else asked
        for sha256, content in zip(sha256s, given, strict=True):
            if sha256 not in stored and sha256 not in self._known:
                self._append(content, sha256)
        return sha256s

    def _append(self, content: bytes, sha256: str) -> None:
        file = self._open_pack()
        here = PackedContent(
            sha256=sha256, pack_key=self._key, offset=file.tell(), size_bytes=len(content)
        )
        with _room_for_upload():
            file.write(content)
        self.know(here)

    def commit(self) -> Written:
        """Make every pack durable, or none; contents may then be owned by rows."""
        with _room_for_upload():
            self._close()
        packs: dict[str, int] = {}
        placed: list[ContentRecord] = []
        try:
            stored = frozenset(self._find_stored(self._known)) if self._known else frozenset()
            for key, path in self._full:
                new = self._without(stored, key, path)
                if new:
                    size = path.stat().st_size
                    self._blobs.put(key, path)
                    packs[key] = size
                    placed.extend(new)
        except BaseException:
            for key in packs:
                self._blobs.delete(key)
            raise
        finally:
            self.abort()
        return Written(packs=packs, contents=placed)

    def _without(self, stored: Collection[str], key: str, path: Path) -> list[ContentRecord]:
        """What a pack holds when the stored contents are taken out of it."""
        held = [one for one in self._known.values() if one.pack_key == key]
        new = [one for one in held if one.sha256 not in stored]
        if not new or len(new) == len(held):
            return list(map(_content_of, new))
        with _room_for_upload():
            return list(map(_content_of, _close_ranks(path, new)))

    def abort(self) -> None:
        """Forget what was not committed."""
        with suppress(OSError):  # no room for the last bytes, which nobody wants any more
            self._close()
        for _, path in self._full:
            path.unlink(missing_ok=True)
        self._full = []
        self._known = {}

    def know(self, content: PackedContent) -> PackedContent:
        """The first place of these bytes, which from now on is `content` if there was none."""
        return self._known.setdefault(content.sha256, content)

    def _open_pack(self) -> BinaryIO:
        file = self._file
        if file is None or file.tell() >= self._pack_bytes:
            file = self._next_pack()
        return file

    def _next_pack(self) -> BinaryIO:
        with _room_for_upload():  # a file's last bytes are written when it is closed
            self._close()
        self._key = f"packs/{new_id('pack')}"
        path = self._spool / Path(self._key).name
        with _room_for_upload():
            self._spool.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w+b")
        self._full.append((self._key, path))
        return self._file

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class PackPart:
    """One content on its way into a pack: write its bytes, then finish or discard it."""

    def __init__(self, writer: PackWriter, file: BinaryIO, key: str) -> None:
        self._writer = writer
        self._file = file
        self._key = key
        self._begin = file.tell()
        self._sha256 = hashlib.sha256()

    @property
    def size_bytes(self) -> int:
        """How much has been written."""
        return self._file.tell() - self._begin

    def write(self, content: bytes) -> int:
        """Append bytes; `UnavailableError` with code `disk_full` if there is no room."""
        with _room_for_upload():
            self._file.write(content)
        self._sha256.update(content)
        return len(content)

    def finish(self) -> PackedContent:
        """End the part; bytes that this writer has already are taken out again."""
        here = PackedContent(
            sha256=self._sha256.hexdigest(),
            pack_key=self._key,
            offset=self._begin,
            size_bytes=self.size_bytes,
        )
        found = self._writer.know(here)
        if found is not here:
            self.discard()
        return found

    def discard(self) -> None:
        """Take the part's bytes out again."""
        with _room_for_upload():  # what is buffered is written first
            self._file.seek(self._begin)
            self._file.truncate()


def read_content(blobs: BlobStore, content: ContentRecord) -> bytes:
    """A content's bytes; `DamagedError` if they are not what was stored or referred to."""
    found = blobs.read_range(content.pack_key, content.offset, content.size_bytes)
    if hashlib.sha256(found).hexdigest() == content.sha256:
        return found
    if is_reference(content.pack_key):
        raise changed(content.pack_key)
    raise DamagedError(
        f"content {content.sha256} is damaged in {content.pack_key} at byte {content.offset}"
    )


def read_stored(catalog: Catalog, blobs: BlobStore, content: ContentRecord) -> bytes:
    """A content's bytes, wherever they stand by now: packs are rewritten while they are read.

    `DamagedError` as of `read_content`, with code `file_missing` if the content was collected.
    """
    try:
        return read_content(blobs, content)
    except DamagedError:
        with catalog.read() as session:
            now = contents.get_contents(session, [content.sha256]).get(content.sha256)
        if now is None:
            raise collected(content.sha256) from None
        if (now.pack_key, now.offset) == (content.pack_key, content.offset):
            raise
        return read_content(blobs, now)


def collected(sha256: str) -> DamagedError:
    """The error for a content that is not stored any more."""
    return DamagedError(
        f"content {sha256} was deleted and is not stored any more; send it again",
        code="file_missing",
    )


@contextmanager
def _room_for_upload() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise out_of_room("the upload", error) from error


def _close_ranks(path: Path, parts: Sequence[PackedContent]) -> list[PackedContent]:
    """Rewrite a file as these parts of it alone; returns their new places."""
    moved = []
    rewritten = path.with_suffix(".rewritten")
    try:
        with path.open("rb") as file, rewritten.open("wb") as target:
            for one in parts:
                moved.append(replace(one, offset=target.tell()))
                target.write(os.pread(file.fileno(), one.size_bytes, one.offset))
        rewritten.replace(path)
    finally:
        rewritten.unlink(missing_ok=True)
    return moved


def open_packs(catalog: Catalog, blobs: BlobStore, settings: Settings) -> PackWriter:
    """A writer for what the catalog does not know to be in packs of the store."""

    def find_stored(sha256s: Collection[str]) -> Collection[str]:
        with catalog.read() as session:
            return contents.find_stored(session, sha256s)

    return PackWriter(
        blobs,
        spool=settings.home / "tmp",
        pack_bytes=settings.pack_bytes,
        find_stored=find_stored,
    )


def _content_of(packed: PackedContent) -> ContentRecord:
    """Stored bytes as a content of which nothing more is known yet."""
    return ContentRecord(
        sha256=packed.sha256,
        pack_key=packed.pack_key,
        offset=packed.offset,
        size_bytes=packed.size_bytes,
        width=None,
        height=None,
    )
