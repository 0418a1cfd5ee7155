"""TIFFs entry by entry: offsets that lead astray, floods of strips, every compression."""

import io
import struct
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from PIL import Image

from tests.hostile.cases import DAMAGED, TOO_LARGE, UNREAD, Case, case
from tests.hostile.pngs import bomb
from tests.pictures import encode, picture, scene, truncated

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIPS, SAMPLES, ROWS, STRIP_BYTES, PLANAR = 273, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, SAMPLE_FORMAT = 322, 323, 324, 325, 339
SHORT, LONG, LONG8 = 3, 4, 16
HEAD = 8

Entries = Mapping[int, int | Sequence[int]]


def tiff(entries: Entries, pixels: bytes, *, next_page: int = 0) -> bytes:
    """A TIFF of one page: header, pixels (at byte 8), directory, lists of numbers."""
    place = HEAD + len(pixels)
    lists_at = place + 2 + 12 * len(entries) + 4
    directory, lists = struct.pack("<H", len(entries)), b""
    for tag, value in sorted(entries.items()):
        values = [value] if isinstance(value, int) else list(value)
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:
            packed, lists = struct.pack("<I", lists_at + len(lists)), lists + packed
        directory += struct.pack("<HHI", tag, LONG, len(values)) + packed
    return (
        b"II*\0"
        + struct.pack("<I", place)
        + pixels
        + directory
        + struct.pack("<I", next_page)
        + lists
    )


def grey(
    width: int = 16, height: int = 16, **changed: int | Sequence[int]
) -> dict[int, int | Sequence[int]]:
    """Entries of a grey picture in one strip at byte 8, with some of them changed by name."""
    entries: dict[int, int | Sequence[int]] = {
        WIDTH: width, HEIGHT: height, BITS: 8, COMPRESSION: 1, PHOTOMETRIC: 1, STRIPS: HEAD,
        SAMPLES: 1, ROWS: height, STRIP_BYTES: width * height,
    }  # fmt: skip
    return entries | {globals()[name]: value for name, value in changed.items()}


def flat(**changed: int | Sequence[int]) -> bytes:
    return tiff(grey(**changed), bytes(256))


def tiled(side: int) -> bytes:
    """16 x 16 pixels in a tile of `side` squared."""
    entries = grey()
    for tag in (STRIPS, ROWS, STRIP_BYTES):
        del entries[tag]
    more = {TILE_WIDTH: side, TILE_HEIGHT: side, TILES: HEAD, TILE_BYTES: 256}
    return tiff(entries | more, bytes(256))


def deflated(size: int) -> bytes:
    """A strip of 256 pixels that inflates to `size` bytes."""
    pixels = bomb(size)
    return tiff(grey(COMPRESSION=8, STRIP_BYTES=len(pixels)), pixels)


def many_strips(n: int) -> bytes:
    """A row a strip, all of them the same bytes."""
    return tiff(grey(64, n, STRIPS=[HEAD] * n, ROWS=1, STRIP_BYTES=[64] * n), bytes(64))


def big() -> bytes:
    """A BigTIFF of 2 x 2."""
    entries = ((WIDTH, 2), (HEIGHT, 2), (BITS, 8), (COMPRESSION, 1), (PHOTOMETRIC, 1),
               (STRIPS, 16), (SAMPLES, 1), (ROWS, 2), (STRIP_BYTES, 4))  # fmt: skip
    directory = b"".join(struct.pack("<HHQQ", tag, LONG8, 1, value) for tag, value in entries)
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, 20)
    return head + bytes(4) + struct.pack("<Q", len(entries)) + directory + bytes(8)


def pages(n: int) -> bytes:
    buffer = io.BytesIO()
    page = Image.new("L", (8, 8))
    page.save(buffer, "TIFF", save_all=True, append_images=[page] * (n - 1))
    return buffer.getvalue()


def compressed(kind: str, *, mode: str = "RGB") -> bytes:
    return encode(Image.fromarray(scene(1)).convert(mode), "TIFF", compression=kind)


def spoiled(kind: str) -> bytes:
    """A compressed TIFF whose pixels are noise."""
    content = bytearray(compressed(kind))
    noise = np.random.default_rng(5).integers(0, 256, 600, np.uint8).tobytes()
    content[8:608] = noise
    return bytes(content)


TIFFS: tuple[Case, ...] = (
    case("as it should be", (16, 16), flat),
    case("a directory at its own begin", DAMAGED, lambda: b"II*\0" + bytes(4) + bytes(100)),
    case("a directory beyond its end", DAMAGED, lambda: b"II*\0\xff\xff\xff\x7f" + bytes(100)),
    case(
        "a directory whose next is itself",
        (16, 16),
        lambda: tiff(grey(), bytes(256), next_page=HEAD + 256),
    ),
    case("pixels beyond its end", DAMAGED, partial(flat, STRIPS=0x7FFFFFFF)),
    case("pixels before its begin", DAMAGED, partial(flat, STRIPS=0xFFFFFFFF)),
    case("no width", DAMAGED, partial(flat, WIDTH=0)),
    case("no height", DAMAGED, partial(flat, HEIGHT=0)),
    case("4 GB wide and high", TOO_LARGE, partial(flat, WIDTH=0xFFFFFFFF, HEIGHT=0xFFFFFFFF)),
    case("9,000 x 9,000", TOO_LARGE, partial(flat, WIDTH=9000, HEIGHT=9000)),
    case("more rows than there are", DAMAGED, partial(flat, HEIGHT=4000, ROWS=4000)),
    case("a strip of no rows", DAMAGED, partial(flat, ROWS=0)),
    case("a strip that says no bytes", (16, 16), partial(flat, STRIP_BYTES=0)),
    case("7 bits", UNREAD, partial(flat, BITS=7)),
    case("65,535 samples a pixel", DAMAGED, partial(flat, SAMPLES=65535)),
    case("a compression that nobody knows", UNREAD, partial(flat, COMPRESSION=4711)),
    case("a compression that libtiff lacks", UNREAD, partial(flat, COMPRESSION=50001)),
    case("a meaning that nobody knows", UNREAD, partial(flat, PHOTOMETRIC=99)),
    case("a tile of 2 GB", DAMAGED, partial(tiled, 46_336)),
    case("a tile of 2 ** 31 squared", DAMAGED, partial(tiled, 2**31 - 16)),
    case("a strip that inflates to 200 MB", (16, 16), partial(deflated, 200 << 20)),
    case("20,000 strips of the same bytes", (64, 20_000), partial(many_strips, 20_000)),
    case("300 pages", (8, 8), partial(pages, 300)),
    case("BigTIFF", (2, 2), big),
    *(
        case(f"compressed by {kind}", (64, 48), partial(compressed, kind))
        for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd", "jpeg")
    ),
    *(
        case(f"compressed by {kind}", (64, 48), partial(compressed, kind, mode="1"))
        for kind in ("group3", "group4", "tiff_ccitt")
    ),
    *(
        case(f"noise that was {kind}", DAMAGED, partial(spoiled, kind))
        for kind in ("tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd")
    ),
    case(
        "big-endian", (64, 48), lambda: encode(Image.fromarray(scene(1)), "TIFF", big_endian=True)
    ),
    case("half a TIFF", DAMAGED, partial(truncated, kind="TIFF")),
    case("without its first byte", "not_an_image", lambda: picture(kind="TIFF")[1:]),
)
