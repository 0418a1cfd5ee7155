"""Packs: many originals in one durable file, each found by its place and known by its sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError, UnavailableError
from zoo.names import new_id
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
class WrittenPack:
    """A durable pack."""

    key: str
    size_bytes: int


class PackWriter:
    """Collects one request's or shard's contents in packs; the same bytes are stored once.

    A context manager: what was not committed leaves nothing behind. Not thread-safe; one part
    is open at a time.
    """

    def __init__(self, blobs: BlobStore, *, spool: Path, pack_bytes: int) -> None:
        self._blobs = blobs
        self._spool = spool
        self._pack_bytes = pack_bytes
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
        file = self._file
        if file is None or file.tell() >= self._pack_bytes:
            file = self._next_pack()
        return PackPart(self, file, self._key)

    def add(self, content: bytes) -> PackedContent:
        """Store bytes as a part of their own."""
        part = self.begin()
        part.write(content)
        return part.finish()

    def commit(self) -> tuple[WrittenPack, ...]:
        """Make every pack durable, or none; contents may then be owned by rows."""
        with _room_for_upload():
            self._close()
        written: list[WrittenPack] = []
        try:
            for key, path in self._full:
                if size := path.stat().st_size:
                    self._blobs.put(key, path)
                    written.append(WrittenPack(key=key, size_bytes=size))
        except UnavailableError:
            for pack in written:
                self._blobs.delete(pack.key)
            raise
        finally:
            self.abort()
        return tuple(written)

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


@contextmanager
def _room_for_upload() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise out_of_room("the upload", error) from error


def content_of(packed: PackedContent) -> ContentRecord:
    """Stored bytes as a content of which nothing more is known yet."""
    return ContentRecord(
        sha256=packed.sha256,
        pack_key=packed.pack_key,
        offset=packed.offset,
        size_bytes=packed.size_bytes,
        width=None,
        height=None,
    )
