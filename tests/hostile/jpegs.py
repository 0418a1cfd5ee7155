"""JPEGs segment by segment: scan bombs, floods of tables, EXIF that loops, cut and spliced."""

import struct
from functools import partial

import numpy as np
from PIL import Image

from tests.hostile.cases import DAMAGED, NO_PICTURE, TOO_LARGE, UNREAD, Case, case
from tests.pictures import broken_exif, encode, picture, scene, truncated, zipped

START, END = b"\xff\xd8", b"\xff\xd9"
EXIF = b"Exif\0\0"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0xFF, marker, len(body) + 2) + body


def with_segments(*segments: bytes) -> bytes:
    """A good JPEG of 64 x 48 with segments behind its first two bytes."""
    return START + b"".join(segments) + picture()[2:]


def sized(width: int, height: int) -> bytes:
    """A JPEG whose header tells another size than its pixels have."""
    content = bytearray(picture())
    struct.pack_into("!HH", content, content.index(b"\xff\xc0") + 5, height, width)
    return bytes(content)


def patched(marker: bytes, offset: int, value: int) -> bytes:
    content = bytearray(picture())
    content[content.index(marker) + offset] = value
    return bytes(content)


def scan_bomb(scans: int, *, side: int = 2048) -> bytes:
    """A progressive JPEG whose last scan, a few bytes, is there many times."""
    flat = encode(Image.new("L", (side, side), 77), "JPEG", progressive=True)
    last = flat.rindex(b"\xff\xda")
    return flat[:-2] + flat[last:-2] * scans + END


def exif_loop() -> bytes:
    """EXIF whose directory says that the next one is itself."""
    entries = struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    return with_segments(segment(0xE1, EXIF + b"II*\0\x08\0\0\0" + entries))


def exif_flood() -> bytes:
    """A directory that says that it has 65,535 entries of 4 GB each."""
    entries = struct.pack("<H", 0xFFFF) + struct.pack("<HHII", 0x0112, 3, 0xFFFFFFFF, 8) * 5000
    return with_segments(segment(0xE1, EXIF + b"II*\0\x08\0\0\0" + entries))


def restart_storm() -> bytes:
    """Restart markers, in no order, wherever a byte of the pixels lets them in."""
    content = picture()
    start = content.index(b"\xff\xda") + 14
    pieces = [content[place : place + 9] for place in range(start, len(content) - 2, 9)]
    marks = [b"\xff" + bytes([0xD0 + number * 3 % 8]) for number in range(len(pieces))]
    storm = b"".join(
        piece.rstrip(b"\xff") + mark for piece, mark in zip(pieces, marks, strict=True)
    )
    return content[:start] + storm + END


def icc_flood() -> bytes:
    parts = (b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(65_000) for n in range(1, 256))
    return with_segments(*(segment(0xE2, part) for part in parts))


def tables(marker: int) -> bytes:
    """The file's own tables again, 20,000 times."""
    content = picture()
    place = content.index(bytes([0xFF, marker]))
    (size,) = struct.unpack_from("!H", content, place + 2)
    return with_segments(*[content[place : place + 2 + size]] * 20_000)


def mpo() -> bytes:
    second = Image.fromarray(scene(2))
    return encode(Image.fromarray(scene(1)), "MPO", save_all=True, append_images=[second])


def mpo_astray() -> bytes:
    """An MPO whose index leads beyond its end."""
    content = bytearray(mpo())
    place = content.index(b"MPF\0")
    content[place + 40 : place + 80] = b"\xff" * 40
    return bytes(content)


def noise(kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    return encode(Image.fromarray(pixels), kind)


JPEGS: tuple[Case, ...] = (
    case("5,000 scans", UNREAD, partial(scan_bomb, 5000)),
    case("400 scans", (64, 64), partial(scan_bomb, 400, side=64)),
    case("65535 x 65535", TOO_LARGE, partial(sized, 65535, 65535)),
    case("no width", DAMAGED, partial(sized, 0, 48)),
    case("no height", DAMAGED, partial(sized, 64, 0)),
    case("a hundred times as many pixels as there are", (640, 480), partial(sized, 640, 480)),
    case("12 bits", UNREAD, partial(patched, b"\xff\xc0", 4, 12)),
    case("9 components", UNREAD, partial(patched, b"\xff\xc0", 9, 9)),
    case("2 components", UNREAD, partial(patched, b"\xff\xc0", 9, 2)),
    case("sampled 0 x 0", DAMAGED, partial(patched, b"\xff\xc0", 11, 0)),
    case("a table that is not there", DAMAGED, partial(patched, b"\xff\xda", 6, 0x33)),
    case("20,000 Huffman tables", (64, 48), partial(tables, 0xC4)),
    case("20,000 quantisation tables", (64, 48), partial(tables, 0xDB)),
    case("a restart after every block", (64, 48), lambda: with_segments(segment(0xDD, b"\0\1"))),
    case("a storm of restarts", (64, 48), restart_storm),
    case("16 MB of ICC", (64, 48), icc_flood),
    case(
        "20 MB of comments", (64, 48), lambda: with_segments(*[segment(0xFE, bytes(65_533))] * 305)
    ),
    case("EXIF that points beyond its end", (48, 32), broken_exif),
    case("EXIF that loops", (64, 48), exif_loop),
    case("EXIF of 65,535 entries", (64, 48), exif_flood),
    case(
        "EXIF of noise", (64, 48), lambda: with_segments(segment(0xE1, EXIF + noise("BMP")[:9000]))
    ),
    case(
        "Photoshop's segment cut off",
        (64, 48),
        lambda: with_segments(segment(0xED, b"Photoshop 3.0\0008BIM\x04")),
    ),
    case("Adobe's segment of one byte", (64, 48), lambda: with_segments(segment(0xEE, b"A"))),
    case("JFIF's segment empty", (64, 48), lambda: with_segments(segment(0xE0, b""))),
    case(
        "a segment that says nothing", (64, 48), lambda: START + b"\xff\xe0\0\0" + picture()[20:]
    ),
    case("two pictures in one file", (64, 48), mpo),
    case("an index that leads astray", (64, 48), mpo_astray),
    case("a zip behind it", (64, 48), lambda: picture() + zipped({"a.txt": b"a"})),
    case("a PDF behind it", (64, 48), lambda: picture() + b"%PDF-1.7\n%%EOF"),
    case("a flood of 0xFF", DAMAGED, lambda: START + b"\xff" * 1_000_000),
    case("a flood of 0xFF in its pixels", DAMAGED, lambda: picture()[:700] + b"\xff" * 1_000_000),
    case("no end", DAMAGED, lambda: picture()[:-2]),
    case("cut off after a tenth", DAMAGED, lambda: picture()[: len(picture()) // 10]),
    case("cut off after nine tenths", DAMAGED, lambda: picture()[: len(picture()) * 9 // 10]),
    case("half a JPEG", DAMAGED, truncated),
    case("three bytes", DAMAGED, lambda: b"\xff\xd8\xff"),
    case("two bytes", NO_PICTURE, lambda: START),
)
