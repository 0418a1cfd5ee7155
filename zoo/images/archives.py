"""Archives of pictures, read member by member and never extracted."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import SEEK_END
from stat import S_IFMT, S_IFREG
from typing import BinaryIO, Self, TypeAlias

from zoo.errors import InvalidError
from zoo.images.attributes import NOTHING, Attributes

Wanted: TypeAlias = Callable[[str], bool]
HEAD_BYTES = 512
"""How many first bytes tell an archive."""
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
GZIP_MAGIC = b"\x1f\x8b\x08"
TAR_MAGIC = b"ustar"
TAR_MAGIC_OFFSET = 257
ZIP_END, ZIP64_END = b"PK\x05\x06", b"PK\x06\x06"
LONGEST_ZIP_END = (1 << 16) + 200
"""Where in a zip's last bytes it says how long its list of members is."""
MOST_DIRECTORY_BYTES = 256_000_000
ENCRYPTED = 0x1
UTF8_NAME = 0x800
EXTENDED_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
MOST_MEMBERS = 2_000_000
MOST_SWELLING = 100
"""How many times its own size an archive may expand to; pictures hardly do at all."""
NO_BOMB_BYTES = 1_000_000_000
"""What any archive may expand to."""
MAX_TAR_HEADER_BYTES = 1 << 20
"""An extended header is read as a whole: one that swells in decompression must not."""
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What Python's readers raise for archives that are cut off, damaged or of kinds unknown."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file of an archive; `name` with the folders that it lies in."""

    name: str
    content: bytes
    attributes: Attributes = NOTHING
    is_text: bool = False  # a text that a manifest's row holds itself


@dataclass(frozen=True, kw_only=True)
class FailedMember:
    """A member that cannot be used; `code` is one of `IMAGE_CODES`."""

    name: str
    code: str
    detail: str


def is_archive(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` of a file are those of a zip, a tar or a gzipped tar.

    Of a gzip that is cut off or damaged they may be.
    """
    if head.startswith(GZIP_MAGIC):
        return _may_hold_tar(head)
    return head.startswith(ZIP_MAGIC) or _is_tar(head)


def is_tar(head: bytes) -> bool:
    """Whether an archive's first bytes are not those of a zip."""
    return is_archive(head) and not head.startswith(ZIP_MAGIC)


def is_wanted(_name: str) -> bool:
    """Every member is, unless somebody wants only some."""
    return True


def read_archive(
    file: BinaryIO, *, max_bytes: int, wanted: Wanted = is_wanted
) -> Iterator[Member | FailedMember]:
    """The files of an archive in its own order; folders and hidden files are passed over.

    The archive is read from its beginning; members whose names are not `wanted` are skipped.
    Never more than `max_bytes` of a member are held. Raises `InvalidError` with code
    `damaged_archive` if the file is no archive, or one that breaks off, and with code
    `archive_too_large` once it has more members, or swells more, than any honest one.
    """
    archive_bytes = file.seek(0, SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head.startswith(ZIP_MAGIC):
        return _read_zip(file, max_bytes, wanted, _Room(archive_bytes))
    if is_tar(head):
        return _read_tar(file, max_bytes, wanted, _Room(archive_bytes))
    raise InvalidError(
        "the file is not an archive; send a zip, a tar or a gzipped tar", code="damaged_archive"
    )


class _Room:
    """What is left of what an archive of its size may hold."""

    def __init__(self, archive_bytes: int) -> None:
        self._archive_bytes = archive_bytes
        self._bytes = max(NO_BOMB_BYTES, MOST_SWELLING * archive_bytes)
        self._members = MOST_MEMBERS

    def take(self, size_bytes: int) -> None:
        """Count a member that is about to be expanded; `InvalidError` if there is no room."""
        self._bytes -= size_bytes
        self._members -= 1
        if self._members < 0:
            raise _too_large(f"the archive has more than {MOST_MEMBERS} files; send several")
        if self._bytes < 0:
            raise _too_large(
                f"the archive has {self._archive_bytes} bytes and expands to more than "
                f"{MOST_SWELLING} times as much, and more than {NO_BOMB_BYTES}"
            )


def _too_large(detail: str) -> InvalidError:
    return InvalidError(f"{detail}; what came before was taken", code="archive_too_large")


def _read_zip(
    file: BinaryIO, max_bytes: int, wanted: Wanted, room: _Room
) -> Iterator[Member | FailedMember]:
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise InvalidError(
            f"the zip cannot be read: {error}; was it cut off?", code="damaged_archive"
        ) from error
    with archive:
        for member in archive.infolist():
            name = _zip_name(member)
            if not member.is_dir() and not _is_hidden(name) and wanted(name):
                room.take(min(member.file_size, max_bytes))
                yield _zip_member(archive, member, max_bytes)


def _check_directory(file: BinaryIO) -> None:
    """Refuse a zip whose list of members, which is read as a whole, would fill the memory."""
    size_bytes = file.seek(0, SEEK_END)
    file.seek(max(0, size_bytes - LONGEST_ZIP_END))
    tail = file.read()
    file.seek(0)
    at, at64 = tail.rfind(ZIP_END), tail.rfind(ZIP64_END)
    sizes: list[int] = []
    if 0 <= at <= len(tail) - 16:
        sizes += struct.unpack_from("<I", tail, at + 12)
    if 0 <= at64 <= len(tail) - 48:
        sizes += struct.unpack_from("<Q", tail, at64 + 40)
    listed = max((size for size in sizes if size <= size_bytes), default=0)
    if listed > MOST_DIRECTORY_BYTES:
        raise _too_large(f"the zip's list of files has {listed} bytes; send several zips")


def _zip_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int
) -> Member | FailedMember:
    name = _zip_name(member)
    if refused := _refuse(name, size=member.file_size, max_bytes=max_bytes):
        return refused
    if S_IFMT(member.external_attr >> 16) not in (0, S_IFREG):
        return _failed(name, "not_a_file", "the member is a link or a special file")
    if member.flag_bits & ENCRYPTED:
        return _failed(name, "encrypted", "the member is encrypted; send it without a password")
    try:
        with archive.open(member) as file:
            content = file.read(max_bytes + 1)
    except DAMAGE as error:
        return _failed(name, "damaged_archive", f"the member cannot be read: {error}")
    return _refuse(name, size=len(content), max_bytes=max_bytes) or Member(
        name=name, content=content
    )


def _zip_name(member: zipfile.ZipInfo) -> str:
    """The name in UTF-8, which some programs (macOS) write without saying so."""
    if member.flag_bits & UTF8_NAME:
        return member.filename
    try:
        return member.filename.encode("cp437").decode()
    except UnicodeError:
        return member.filename


def _read_tar(
    file: BinaryIO, max_bytes: int, wanted: Wanted, room: _Room
) -> Iterator[Member | FailedMember]:
    try:
        with tarfile.open(
            fileobj=file, mode="r|*", tarinfo=_Header, encoding="utf-8", errors="replace"
        ) as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it remembers each; typeshed does not
                room.take(member.size)  # also of what is passed over, which has to be read
                is_plain = not member.isdir() and not _is_hidden(member.name)
                if is_plain and wanted(member.name):
                    yield _tar_member(archive, member, max_bytes)
    except (*DAMAGE, TypeError) as error:  # of tarfile, where a gzip's own header breaks off
        raise InvalidError(
            f"the tar cannot be read: {error}; was it cut off?", code="damaged_archive"
        ) from error


class _Header(tarfile.TarInfo):
    """A header that fails loudly: tarfile takes a damaged one for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):  # neither the end's zeros nor the file's end
                raise tarfile.ReadError(str(error)) from error
            raise
        if header.size > MAX_TAR_HEADER_BYTES and header.type in EXTENDED_HEADERS:
            raise tarfile.ReadError(f"an extended header has {header.size} bytes")
        return header


def _tar_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, max_bytes: int
) -> Member | FailedMember:
    if refused := _refuse(member.name, size=member.size, max_bytes=max_bytes):
        return refused
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        return _failed(member.name, "not_a_file", "the member is a link or a special file")
    return Member(name=member.name, content=file.read(member.size))


def _refuse(name: str, *, size: int, max_bytes: int) -> FailedMember | None:
    if _is_unsafe(name):
        detail = "the member's path is absolute or leaves the archive; use a relative one"
        return _failed(name, "unsafe_path", detail)
    if size > max_bytes:
        detail = f"the member has more than {max_bytes} bytes, which is all that is read"
        return _failed(name, "file_too_large", detail)
    return None


def _failed(name: str, code: str, detail: str) -> FailedMember:
    return FailedMember(name=name, code=code, detail=detail)


def _is_unsafe(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or parts[0].endswith(":") or "\0" in name


def _is_hidden(name: str) -> bool:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in (".", "..")]
    return any(part.startswith(".") for part in parts) or parts[:1] == ["__MACOSX"]


def _is_tar(head: bytes) -> bool:
    return head[TAR_MAGIC_OFFSET:].startswith(TAR_MAGIC)


def _may_hold_tar(head: bytes) -> bool:
    """Whether a gzip's first bytes leave open that a tar is in it, and not any other file."""
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        block = gzip.decompress(head, tarfile.BLOCKSIZE)
    except zlib.error:
        return True
    if len(block) == tarfile.BLOCKSIZE:
        return _is_tar(block) or _is_old_header(block)
    is_too_short = len(block) < TAR_MAGIC_OFFSET + len(TAR_MAGIC) and not gzip.eof
    return _is_tar(block) or is_too_short


def _is_old_header(block: bytes) -> bool:
    """Whether a block without a tar's magic is a header of before there was one, or the end."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        return not any(block)
    return True
