"""WebPs, AVIFs, files of other formats and of none."""

import gzip
import struct
from functools import partial

from tests.hostile.cases import DAMAGED, NO_PICTURE, TOO_LARGE, UNREAD, Case, case
from tests.pictures import animated, huge_webp, picture, truncated, zipped


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for name, part in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def canvas(width: int, height: int) -> bytes:
    """A WebP of a canvas, and nothing on it."""
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return riff((b"VP8X", b"\2\0\0\0" + sizes), (b"ANIM", bytes(6)))


def avif_of(width: int, height: int) -> bytes:
    content = bytearray(picture(kind="AVIF"))
    struct.pack_into("!II", content, content.index(b"ispe") + 8, width, height)
    return bytes(content)


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack("!I", len(body) + 8) + name + body


WEBPS: tuple[Case, ...] = (
    case("16383 x 16383 in 36 bytes", TOO_LARGE, huge_webp),
    case("a canvas of 2 ** 24 squared", TOO_LARGE, partial(canvas, 1 << 24, 1 << 24)),
    case("a canvas without a frame", DAMAGED, partial(canvas, 64, 64)),
    case(
        "a size that lies",
        DAMAGED,
        lambda: picture(kind="WEBP")[:4] + b"\xff\xff\xff\x7f" + picture(kind="WEBP")[8:],
    ),
    case("an animation", (32, 32), partial(animated, "WEBP")),
    case("a riff of nothing", DAMAGED, partial(riff)),
    case("a sound", NO_PICTURE, lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)),
    case("a page behind it", (64, 48), lambda: picture(kind="WEBP") + b"<html>"),
    case("half a WebP", DAMAGED, partial(truncated, kind="WEBP")),
)
AVIFS: tuple[Case, ...] = (
    case("30,000 x 30,000", TOO_LARGE, partial(avif_of, 30_000, 30_000)),
    case("another size than its pixels have", (640, 480), partial(avif_of, 640, 480)),
    case("no width", DAMAGED, partial(avif_of, 0, 48)),
    case("a brand and nothing else", DAMAGED, lambda: box(b"ftyp", b"avif\0\0\0\0avifmif1")),
    case("an animation", (32, 32), partial(animated, "AVIF")),
    case("half an AVIF", DAMAGED, partial(truncated, kind="AVIF")),
    case(
        "named as a mere container",
        (64, 48),
        lambda: picture(kind="AVIF").replace(b"ftypavif", b"ftypmif1"),
    ),
)
FOREIGN: tuple[Case, ...] = (
    case(
        "SVG",
        UNREAD,
        lambda: b'<?xml version="1.0"?>\n<!-- a --><svg xmlns="http://www.w3.org/2000/svg"/>',
    ),
    case(
        "SVG that reads a file", UNREAD, lambda: b'<svg><image href="file:///etc/passwd"/></svg>'
    ),
    case(
        "EPS",
        UNREAD,
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
    ),
    case(
        "MVG",
        UNREAD,
        lambda: b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'https://a'\n",
    ),
    case("PDF", UNREAD, lambda: b"%PDF-1.7\n" + picture()),
    case("ICO", UNREAD, lambda: b"\0\0\1\0\1\0" + bytes(40)),
    case("PSD", UNREAD, lambda: b"8BPS\0\1" + bytes(40)),
    case("HEIC", UNREAD, lambda: box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(40)),
    case(
        "HEIC named as a mere container",
        UNREAD,
        lambda: box(b"ftyp", b"mif1\0\0\0\0mif1heic") + bytes(40),
    ),
    case("a film", UNREAD, lambda: box(b"ftyp", b"isom\0\0\0\0isommp41") + bytes(40)),
    case("JPEG 2000", UNREAD, lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40)),
    case("a JPEG 2000 codestream", UNREAD, lambda: b"\xff\x4f\xff\x51" + bytes(40)),
    case("JPEG XL", UNREAD, lambda: b"\xff\x0a" + bytes(40)),
    case("JPEG XR", UNREAD, lambda: b"II\xbc\1" + bytes(40)),
    case("PPM", UNREAD, lambda: b"P6\n2 2\n255\n" + bytes(12)),
    case("MNG", UNREAD, lambda: b"\x8aMNG\r\n\x1a\n" + bytes(40)),
)
STRANGERS: tuple[Case, ...] = (
    case("nothing", "empty_file", bytes),
    case("one byte", NO_PICTURE, lambda: b"\xff"),
    case("zeros", NO_PICTURE, lambda: bytes(100_000)),
    case("a flood of 0xFF", NO_PICTURE, lambda: b"\xff" * 100_000),
    case("a text", NO_PICTURE, lambda: b"hello"),
    case(
        "a page", NO_PICTURE, lambda: b"<!DOCTYPE html><html><img src=x onerror=alert(1)></html>"
    ),
    case(
        "XML",
        NO_PICTURE,
        lambda: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a/>',
    ),
    case("a zip", NO_PICTURE, lambda: zipped({"a.jpg": picture()})),
    case("a gzipped picture", NO_PICTURE, lambda: gzip.compress(picture(), mtime=0)),
    case("a program", NO_PICTURE, lambda: b"\x7fELF\2\1\1" + bytes(60)),
    case(
        "a pickle",
        NO_PICTURE,
        lambda: b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    ),
    case("a byte more than may be", "file_too_large", lambda: picture().ljust(25_000_001, b"\0")),
)
