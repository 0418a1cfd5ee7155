"""What of a PNG its pixels need, each chunk checked, before a decoder sees any of it.

Pillow does not look at the checksums of pixels, and fails the whole picture for a text that is too
long or a chunk that nobody asked for. So it is given neither.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from zoo.images.child.refusals import damaged, unread

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KNOWN = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
HELPFUL = frozenset({b"tRNS", b"eXIf"})
"""What the pixels mean, besides the critical chunks; a broken one is passed over."""
MAX_EXIF_BYTES = 1 << 16
GREY, COLOUR, INDEXED = 0, 2, 3
LEVELS = {2: 85, 4: 17}
"""What one level of so many bits is among 256."""


def bare_png(content: bytes) -> bytes:
    """The same picture in critical chunks, transparency and EXIF only.

    Raises `Refused` where a critical chunk's checksum does not hold.
    """
    if not SIGNATURE.startswith(content[: len(SIGNATURE)]):
        raise damaged("it was sent as a text, which changed its line ends")
    kept = [SIGNATURE]
    depth = kind = 0
    has_palette = False
    for name, chunk in _chunks(content):
        if name == b"IHDR" and len(chunk) == 25:
            depth, kind = chunk[16], chunk[17]
        if name == b"IDAT" and kind == INDEXED and not has_palette:
            raise damaged("it has no palette")
        has_palette |= name == b"PLTE"
        kept.append(_narrowed(chunk, depth, kind) if name == b"tRNS" else chunk)
    return b"".join(kept)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What is kept by name, up to the end of the picture or of the file."""
    place = len(SIGNATURE)
    while place < len(content):
        head = content[place : place + 8]
        if len(head) < 8:  # cut off: the decoder says what is missing
            yield b"", head
            return
        size, name = struct.unpack("!I4s", head)
        chunk = content[place : place + 12 + size]
        place += 12 + size
        if _is_critical(name) and name not in KNOWN:
            raise unread("PNG", f"it needs a chunk {name!r} that is no part of the format")
        if len(chunk) < 12 + size or (_is_kept(name, size) and _is_sound(name, chunk)):
            yield name, chunk
        if name == b"IEND":
            return


def _is_kept(name: bytes, size: int) -> bool:
    return name in KNOWN or (name in HELPFUL and size <= MAX_EXIF_BYTES)


def _is_critical(name: bytes) -> bool:
    return not name[0] & 0x20


def _is_sound(name: bytes, chunk: bytes) -> bool:
    """Whether a chunk is as it was written; raises `Refused` if not and nothing goes without."""
    if chunk[-4:] == _checksum(memoryview(chunk)[4:-4]):
        return True
    if _is_critical(name):
        raise damaged(f"the checksum of its chunk {name!r} does not hold")
    return False


def _narrowed(chunk: bytes, depth: int, kind: int) -> bytes:
    """Which level or colour is transparent, in the 8 bits that pixels are read with.

    Of 16-bit grey all bits are compared, and palettes have an opacity for each entry instead.
    Nothing where the chunk is not as long as it has to be.
    """
    size = len(chunk) - 12
    if kind == INDEXED and size <= 256:
        return chunk
    if kind == GREY and size == 2:
        return _of_values(chunk, lambda value: value * LEVELS.get(depth, 1) & 0xFFFF)
    if kind == COLOUR and size == 6:
        return _of_values(chunk, lambda value: value >> 8 if depth == 16 else value)
    return b""


def _of_values(chunk: bytes, change: Callable[[int], int]) -> bytes:
    count = (len(chunk) - 12) // 2
    values = struct.unpack_from(f"!{count}H", chunk, 8)
    named = chunk[4:8] + struct.pack(f"!{count}H", *map(change, values))
    return chunk[:4] + named + _checksum(named)


def _checksum(named: bytes | memoryview) -> bytes:
    return struct.pack("!I", zlib.crc32(named))
