"""Good files spoiled by a seed: bits turned, parts cut out, doubled, or taken from others."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tests.hostile.bitmaps import frame, gif
from tests.hostile.jpegs import mpo
from tests.hostile.pngs import COLOUR, INDEXED, SIGNATURE, chunk, png
from tests.hostile.tiffs import big, compressed, pages
from tests.pictures import (
    animated,
    encode,
    grey16,
    half_transparent,
    palette_transparent,
    picture,
    scene,
    turned,
)

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What a length or an offset is set to, to see who believes it."""


def seeds() -> list[bytes]:
    """Small files of every format, in as many ways of writing it as there are."""
    colours = np.random.default_rng(0).integers(0, 1 << 16, (9, 7, 3))
    progressive = {"progressive": True, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}
    return [
        *(picture(kind=kind, width=40, height=30) for kind in ("JPEG", "PNG", "GIF", "BMP")),
        *(picture(kind=kind, width=40, height=30) for kind in ("WEBP", "TIFF", "AVIF")),
        encode(Image.fromarray(scene(3)), "JPEG", **progressive),
        encode(Image.fromarray(scene(4)).convert("CMYK"), "JPEG"),
        encode(Image.fromarray(scene(5)), "WEBP", lossless=True),
        mpo(),
        turned(6),
        turned(5, kind="TIFF"),
        grey16("PNG"),
        grey16("TIFF"),
        half_transparent("WEBP"),
        palette_transparent("PNG"),
        palette_transparent("GIF"),
        *(animated(kind) for kind in ("GIF", "WEBP", "PNG", "AVIF", "TIFF")),
        png(colours, COLOUR, 16, interlaced=True),
        png(colours[..., :1] % 16, INDEXED, 4, before=[(b"PLTE", bytes(48)), (b"tRNS", bytes(9))]),
        gif(12, 12, frame(2, 2, 8, 8), frame(0, 0, 12, 12)),
        *(compressed(kind) for kind in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")),
        *(compressed(kind, mode="1") for kind in ("group3", "group4")),
        big(),
        pages(3),
    ]


def spoil(sources: Sequence[bytes], seed: int) -> bytes:
    """One of the files after one to four accidents."""
    random = np.random.default_rng(seed)
    content = bytearray(sources[int(random.integers(len(sources)))])
    for _ in range(int(random.integers(1, 5))):
        accident = ACCIDENTS[int(random.integers(len(ACCIDENTS)))]
        content = accident(content, random, sources[int(random.integers(len(sources)))])
    is_forged = content.startswith(SIGNATURE) and random.integers(2)
    return forged(bytes(content)) if is_forged else bytes(content)


def forged(content: bytes) -> bytes:
    """A PNG whose checksums hold whatever became of it, so that what lies deeper is met."""
    parts, place = [SIGNATURE], len(SIGNATURE)
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        parts.append(chunk(content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    return b"".join(parts)


def _place(content: bytearray, random: np.random.Generator) -> int:
    """Half of the accidents happen in the first 200 bytes, where headers are."""
    end = len(content) if random.integers(2) else min(len(content), 200)
    return int(random.integers(end)) if end else 0


def _turn_bits(content: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    for _ in range(int(random.integers(1, 9)) if content else 0):
        content[_place(content, random)] ^= 1 << int(random.integers(8))
    return content


def _set_number(content: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    place, size = _place(content, random), int(2 ** random.integers(3))
    number = NUMBERS[int(random.integers(len(NUMBERS)))] & (256**size - 1)
    content[place : place + size] = number.to_bytes(
        size, "big" if random.integers(2) else "little"
    )
    return content


def _cut(content: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    return content[: _place(content, random)]


def _leave_out(content: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    place = _place(content, random)
    return content[:place] + content[place + int(random.integers(1, 64)) :]


def _double(content: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    place, size = _place(content, random), int(random.integers(1, 512))
    return content[: place + size] + content[place : place + size] + content[place + size :]


def _splice(content: bytearray, random: np.random.Generator, other: bytes) -> bytearray:
    place = _place(content, random)
    return content[:place] + bytearray(other[_place(bytearray(other), random) :])


def _overwrite(content: bytearray, random: np.random.Generator, _: bytes) -> bytearray:
    place, size = _place(content, random), int(random.integers(1, 32))
    content[place : place + size] = random.integers(0, 256, size, np.uint8).tobytes()
    return content


ACCIDENTS = (_turn_bits, _set_number, _cut, _leave_out, _double, _splice, _overwrite)
