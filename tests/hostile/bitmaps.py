"""GIFs and bitmaps by their headers: sizes that lie, frames that are nowhere, runs without end."""

import struct
from functools import partial

from PIL import Image

from tests.hostile.cases import DAMAGED, NO_PICTURE, TOO_LARGE, UNREAD, Case, case
from tests.pictures import animated, encode, picture, truncated

PALETTE = b"\0\0\0" + b"\xff\0\0" + b"\0\xff\0" + b"\xff\xff\xff"
TRAILER = b";"


def gif(
    width: int,
    height: int,
    *frames: bytes,
    palette: bytes = PALETTE,
    background: int = 0,
) -> bytes:
    flags = 0x91 if palette else 0
    screen = struct.pack("<HHBBB", width, height, flags, background, 0)
    return b"GIF89a" + screen + palette + b"".join(frames) + TRAILER


def frame(
    x: int,
    y: int,
    width: int,
    height: int,
    *,
    pixels: bytes | None = None,
    palette: bytes = b"",
    lzw: bytes | None = None,
    code_size: int = 2,
) -> bytes:
    """A frame whose pixels, 0 to 3 each, are not compressed; by default all of them 1."""
    place = struct.pack("<HHHHB", x, y, width, height, 0x81 if palette else 0)
    body = lzw
    if body is None:
        body = uncompressed(bytes([1]) * (width * height) if pixels is None else pixels)
    blocks = (body[start : start + 255] for start in range(0, len(body), 255))
    parts = b"".join(bytes([len(block)]) + block for block in blocks)
    return b"," + place + palette + bytes([code_size]) + parts + b"\0"


def uncompressed(pixels: bytes) -> bytes:
    """LZW codes of three bits that never grow, as a clear stands before every two."""
    codes = [4]
    for place in range(0, len(pixels), 2):
        codes += [*pixels[place : place + 2], 4]
    bits = 0
    for number, code in enumerate([*codes, 5]):
        bits |= code << 3 * number
    return bits.to_bytes(3 * (len(codes) + 1) // 8 + 1, "little")


def comments(n: int) -> bytes:
    return b"".join(b"!\xfe\x03abc\0" for _ in range(n))


def bitmap(
    width: int,
    height: int,
    *,
    bits: int = 24,
    compression: int = 0,
    offset: int = 54,
    colours: int = 0,
    body: bytes | None = None,
) -> bytes:
    pixels = bytes(64 * 64 * 4) if body is None else body
    head = b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, offset)
    return (
        head
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 1, 1, colours, 0)
        + pixels
    )


def endless_runs(width: int, height: int) -> bytes:
    """A bitmap of runs of nothing, which never come to the end of a line."""
    palette = bytes(4 * 256)
    body = palette + b"\0\2\1\0" * 500_000
    return bitmap(width, height, bits=8, compression=1, offset=54 + 1024, body=body)


def many_frames(n: int) -> bytes:
    return gif(16, 16, *[frame(0, 0, 16, 16)] * n)


GIFS: tuple[Case, ...] = (
    case("a screen of 65535 x 65535", TOO_LARGE, lambda: gif(65535, 65535, frame(0, 0, 2, 2))),
    case("a frame beyond the screen", (40, 40), lambda: gif(8, 8, frame(0, 0, 40, 40))),
    case(
        "a frame of 65535 x 65535",
        TOO_LARGE,
        lambda: gif(8, 8, frame(0, 0, 65535, 65535, lzw=b"\x44\x01")),
    ),
    case("a frame that begins outside", (48, 48), lambda: gif(8, 8, frame(40, 40, 8, 8))),
    case("no screen", (2, 2), lambda: gif(0, 0, frame(0, 0, 2, 2))),
    case("a frame of nothing", DAMAGED, lambda: gif(8, 8, frame(0, 0, 0, 0))),
    case("no frame", DAMAGED, lambda: gif(8, 8)),
    case("no palette", (8, 8), lambda: gif(8, 8, frame(0, 0, 8, 8), palette=b"")),
    case(
        "a background that is not there",
        (8, 8),
        lambda: gif(8, 8, frame(0, 0, 8, 8), background=200),
    ),
    case("20,000 frames", (16, 16), partial(many_frames, 20_000)),
    case(
        "2 MB of comments before the frame",
        (8, 8),
        lambda: gif(8, 8, comments(300_000), frame(0, 0, 8, 8)),
    ),
    case("codes of 13 bits", DAMAGED, lambda: gif(8, 8, frame(0, 0, 8, 8, code_size=13))),
    case(
        "codes of garbage",
        DAMAGED,
        lambda: gif(64, 64, frame(0, 0, 64, 64, lzw=bytes(range(250)))),
    ),
    case("too few codes", DAMAGED, lambda: gif(64, 64, frame(0, 0, 64, 64, pixels=b"\1"))),
    case(
        "an extension without end",
        DAMAGED,
        lambda: b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + b"!\xfe\xff",
    ),
    case("an animation", (32, 32), partial(animated, "GIF")),
    case("the second frame cut off", (32, 32), lambda: animated("GIF")[:-30]),
    case("a script in disguise", DAMAGED, lambda: b"GIF89a=1;/*" + bytes(50) + b"*/alert(1)"),
    case("half a GIF", DAMAGED, partial(truncated, kind="GIF")),
)
BITMAPS: tuple[Case, ...] = (
    case("top down", (8, 8), partial(bitmap, 8, -8)),
    case("a negative width", TOO_LARGE, partial(bitmap, -8, 8)),
    case("no width", DAMAGED, partial(bitmap, 0, 8)),
    case("no height", DAMAGED, partial(bitmap, 8, 0)),
    case("the lowest height there is", TOO_LARGE, partial(bitmap, 8, -(2**31))),
    case("30,000 x 30,000", TOO_LARGE, partial(bitmap, 30_000, 30_000)),
    case("pixels far behind its end", DAMAGED, partial(bitmap, 8, 8, offset=0x7FFFFFFF)),
    case("pixels before its begin", DAMAGED, partial(bitmap, 8, 8, offset=0xFFFFFFFF)),
    case("2 bits", UNREAD, partial(bitmap, 8, 8, bits=2)),
    case("a JPEG inside", UNREAD, partial(bitmap, 8, 8, bits=0, compression=4)),
    case("2 ** 31 colours", UNREAD, partial(bitmap, 8, 8, bits=8, colours=2**31)),
    case("fewer pixels than it says", DAMAGED, partial(bitmap, 800, 800)),
    case("runs that never end", DAMAGED, partial(endless_runs, 7000, 7000)),
    case("BMW", NO_PICTURE, lambda: b"BMW is a maker of cars and of nothing else"),
    case("a whole bitmap", (64, 48), partial(picture, kind="BMP")),
    case("1 bit", (9, 9), lambda: encode(Image.new("1", (9, 9)), "BMP")),
    case("half a bitmap", DAMAGED, partial(truncated, kind="BMP")),
)
