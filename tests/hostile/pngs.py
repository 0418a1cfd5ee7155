"""PNGs chunk by chunk: every depth and colour, bombs, wrong checksums, parts that are missing."""

import struct
import zlib
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tests.hostile.cases import DAMAGED, NO_PICTURE, TOO_LARGE, UNREAD, Case, case
from tests.pictures import huge_png, picture, png_of, truncated

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR, INDEXED, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column and row of Adam7's passes, and the steps between them."""
Chunk = tuple[bytes, bytes]


def chunk(name: bytes, body: bytes, *, wrong: bool = False) -> bytes:
    checksum = zlib.crc32(name + body) ^ wrong
    return struct.pack("!I", len(body)) + name + body + struct.pack("!I", checksum)


def header(
    width: int, height: int, depth: int = 8, kind: int = GREY, *, interlace: int = 0
) -> bytes:
    return struct.pack("!IIBBBBB", width, height, depth, kind, 0, 0, interlace)


def join(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def png(
    samples: NDArray[np.integer],
    kind: int,
    depth: int,
    *,
    before: Sequence[Chunk] = (),
    interlaced: bool = False,
) -> bytes:
    """A PNG of `(height, width, channels)` numbers below `2 ** depth`."""
    height, width, _ = samples.shape
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    rows = b"".join(_rows(samples[y::down, x::right], depth) for x, y, right, down in passes)
    return join(
        chunk(b"IHDR", header(width, height, depth, kind, interlace=interlaced)),
        *(chunk(name, body) for name, body in before),
        chunk(b"IDAT", zlib.compress(rows)),
    )


def _rows(samples: NDArray[np.integer], depth: int) -> bytes:
    if not samples.size:
        return b""
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        lines = flat.astype(">u2").view(np.uint8).reshape(len(flat), -1)
    else:
        bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = np.packbits(bits.reshape(len(flat), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + line.tobytes() for line in lines)


def _parts(content: bytes) -> list[bytes]:
    parts, place = [], len(SIGNATURE)
    while place < len(content):
        (size,) = struct.unpack_from("!I", content, place)
        parts.append(content[place : place + 12 + size])
        place += 12 + size
    return parts


def with_chunks(*chunks: bytes) -> bytes:
    """A good PNG of 64 x 48 with chunks behind its header."""
    first, *rest = _parts(picture(kind="PNG"))
    return SIGNATURE + b"".join([first, *chunks, *rest])


def without(name: bytes, content: bytes) -> bytes:
    return SIGNATURE + b"".join(part for part in _parts(content) if part[4:8] != name)


def wrong_checksum(name: bytes, content: bytes) -> bytes:
    parts = (
        chunk(name, part[8:-4], wrong=True) if part[4:8] == name else part
        for part in _parts(content)
    )
    return SIGNATURE + b"".join(parts)


def one_pixel(
    *, depth: int = 8, kind: int = GREY, rows: bytes = b"\0\x80", tail: bytes = b""
) -> bytes:
    head = struct.pack("!IIBB", 1, 1, depth, kind) + (tail or b"\0\0\0")
    return join(chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)))


def bomb(size: int) -> bytes:
    """What inflates to `size` zeros, its own checksum wrong."""
    squeeze = zlib.compressobj(9)
    first = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return first + block * ((size >> 20) - 1) + squeeze.flush()


def text_bomb(name: bytes) -> bytes:
    return with_chunks(chunk(name, b"Comment\0\0" + bomb(200 << 20)))


def crumbs() -> bytes:
    """The pixels of a picture in chunks of a byte each."""
    [pixels] = (part[8:-4] for part in _parts(picture(kind="PNG")) if part[4:8] == b"IDAT")
    pieces = (chunk(b"IDAT", pixels[place : place + 1]) for place in range(len(pixels)))
    return join(chunk(b"IHDR", header(64, 48, kind=COLOUR)), *pieces)


def indexed(*, palette: bool = True) -> bytes:
    parts = [(b"PLTE", bytes(range(12)))] if palette else []
    return png(np.arange(64).reshape(8, 8, 1) % 4, INDEXED, 2, before=parts)


def many(n: int) -> bytes:
    return with_chunks(*(chunk(b"tEXt", b"Comment\0%d" % number) for number in range(n)))


def animation_of_nothing() -> bytes:
    """It says that it is animated, and then has no frame."""
    return with_chunks(chunk(b"acTL", struct.pack("!II", 0, 0)), chunk(b"fdAT", b"\0\0\0\1"))


PNGS: tuple[Case, ...] = (
    case("300 MP in 300 kB", TOO_LARGE, huge_png),
    case("one row more than may be", TOO_LARGE, partial(png_of, 8001, 8000)),
    case(
        "a header of 2 ** 31 - 1 squared", TOO_LARGE, partial(png_of, 2**31 - 1, 2**31 - 1, b"x")
    ),
    case(
        "a header of 2 ** 32 - 1 squared", TOO_LARGE, partial(png_of, 2**32 - 1, 2**32 - 1, b"x")
    ),
    case("no width", DAMAGED, partial(png_of, 0, 8)),
    case("no height", DAMAGED, partial(png_of, 8, 0)),
    case("one pixel and 100 MB behind it", (1, 1), partial(png_of, 1, 1, bomb(100 << 20))),
    case("a zTXt of 200 MB", (64, 48), partial(text_bomb, b"zTXt")),
    case("an iCCP of 200 MB", (64, 48), partial(text_bomb, b"iCCP")),
    case("a tEXt of 10 MB", (64, 48), lambda: with_chunks(chunk(b"tEXt", bytes(10 << 20)))),
    case("20,000 comments", (64, 48), partial(many, 20_000)),
    case("a chunk that says 2 GB", DAMAGED, lambda: with_chunks(b"\x7f\xff\xff\xfftEXtabc")),
    case("pixels in crumbs", (64, 48), crumbs),
    case("wrong checksum of IHDR", DAMAGED, lambda: wrong_checksum(b"IHDR", picture(kind="PNG"))),
    case("wrong checksum of IDAT", DAMAGED, lambda: wrong_checksum(b"IDAT", picture(kind="PNG"))),
    case("wrong checksum of PLTE", DAMAGED, lambda: wrong_checksum(b"PLTE", indexed())),
    case(
        "wrong checksum of a text",
        (64, 48),
        lambda: with_chunks(chunk(b"tEXt", b"a\0b", wrong=True)),
    ),
    case(
        "wrong checksum of tRNS",
        (64, 48),
        lambda: with_chunks(chunk(b"tRNS", b"\0\1", wrong=True)),
    ),
    case("tRNS of one byte", (64, 48), lambda: with_chunks(chunk(b"tRNS", b"\0"))),
    case(
        "a chunk that Apple alone knows", UNREAD, lambda: with_chunks(chunk(b"CgBI", b"\0\0\0\0"))
    ),
    case("no pixels", DAMAGED, lambda: without(b"IDAT", picture(kind="PNG"))),
    case("no header", DAMAGED, lambda: without(b"IHDR", picture(kind="PNG"))),
    case("no end", (64, 48), lambda: without(b"IEND", picture(kind="PNG"))),
    case("no palette", DAMAGED, partial(indexed, palette=False)),
    case("depth 3", DAMAGED, partial(one_pixel, depth=3)),
    case("depth 99", DAMAGED, partial(one_pixel, depth=99)),
    case("colour type 1", DAMAGED, partial(one_pixel, kind=1)),
    case("colour type 9", DAMAGED, partial(one_pixel, kind=9)),
    case("filter 9", DAMAGED, partial(one_pixel, rows=b"\x09\x80")),
    case("filter method 1", DAMAGED, partial(one_pixel, tail=b"\0\1\0")),
    case("pixels that are not compressed", DAMAGED, partial(png_of, 8, 8, b"no zlib at all")),
    case("a preset dictionary", DAMAGED, partial(png_of, 8, 8, b"\x78\xbb\0\0\0\1abc")),
    case("an animation of nothing", (64, 48), animation_of_nothing),
    case("line ends changed on the way", DAMAGED, lambda: b"\x89PNG\n" + picture(kind="PNG")[6:]),
    case("the top bit lost on the way", NO_PICTURE, lambda: b"\x09" + picture(kind="PNG")[1:]),
    case("a page behind it", (64, 48), lambda: picture(kind="PNG") + b"<script>alert(1)</script>"),
    case("half a PNG", DAMAGED, partial(truncated, kind="PNG")),
)
