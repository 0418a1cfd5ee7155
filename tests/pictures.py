"""Rare and hostile pictures and archives, beside the plain ones of `zoo.testing`."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from zoo.testing.pictures import encode, picture, scene, tarred, truncated, zipped

__all__ = ["encode", "picture", "scene", "tarred", "truncated", "zipped"]

ORIENTATION = 0x0112
RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


def corners() -> Image.Image:
    """48 x 32, grey: red at the top left, green at the top right, blue at the bottom left."""
    image = Image.new("RGB", (48, 32), GREY)
    image.paste(RED, (0, 0, 16, 16))
    image.paste(GREEN, (32, 0, 48, 16))
    image.paste(BLUE, (0, 16, 16, 32))
    return image


def turned(orientation: int, *, kind: str = "JPEG") -> bytes:
    """`corners` as a camera held otherwise stores it: upright once the EXIF is applied."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corners()
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return encode(stored, kind, exif=exif.tobytes(), **options)


def broken_exif() -> bytes:
    """A good JPEG whose EXIF points beyond its own end."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">I", 0xFFFFFF)
    return encode(corners(), "JPEG", quality=95, exif=exif)


def half_transparent(kind: str = "PNG") -> bytes:
    """Black; the left half opaque, the right half transparent."""
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 16, 32))
    return encode(image, kind)


def palette_transparent(kind: str = "PNG") -> bytes:
    """As `half_transparent`, by a palette's transparent entry."""
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, 0, 0, 0])
    image.paste(0, (0, 0, 16, 32))
    return encode(image, kind, transparency=1)


def grey16(kind: str = "PNG") -> bytes:
    """16-bit grey from black at the left to white at the right, in 256 equal steps."""
    steps = np.tile(np.arange(256, dtype=np.uint16) * 257, (32, 1))
    return encode(Image.fromarray(steps), kind)


def animated(kind: str = "GIF") -> bytes:
    """Red, then blue."""
    first, second = Image.new("RGB", (32, 32), RED), Image.new("RGB", (32, 32), BLUE)
    return encode(first, kind, save_all=True, append_images=[second])


def png_of(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A grey PNG with a header of any size; `pixels` is its IDAT, one zero row by default."""
    header = struct.pack("!IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = pixels or zlib.compress(bytes(width + 1))
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def huge_png() -> bytes:
    """300 megapixels of black, whole and valid, in 300 kB."""
    width, height, rows = 20_000, 15_000, 1_000
    squeeze = zlib.compressobj(9, wbits=-15)
    block = squeeze.compress(bytes((width + 1) * rows)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    checksum = (width + 1) * height % 65521 << 16 | 1  # Adler's of so many zeros
    pixels = b"\x78\xda" + block * (height // rows) + squeeze.flush()
    return png_of(width, height, pixels + struct.pack("!I", checksum))


def huge_webp() -> bytes:
    """16383 x 16383 of one colour, which takes an encoder 10 s, in 36 bytes."""
    return (
        b'RIFF\x1c\0\0\0WEBPVP8L\x0f\0\0\0/\xfe\xbf\xff\x0f\x07\x10\xfd\x8f\xfe\x07"\xa2\xff\x01\0'
    )


def zip_with_link(name: str, target: str) -> bytes:
    member = zipfile.ZipInfo(name)
    member.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, target)
    return buffer.getvalue()


def encrypted_zip(files: Mapping[str, bytes]) -> bytes:
    """A zip whose members say that they are encrypted."""
    found = bytearray(zipped(files))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = found.find(magic)
        while place >= 0:
            found[place + offset] |= 1
            place = found.find(magic, place + 4)
    return bytes(found)


def zip_bomb(size: int, *, said_size: int | None = None) -> bytes:
    """One member of `size` zeros, whose headers may say another size."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb.png", "w") as file,
    ):
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    found = bytearray(buffer.getvalue())
    if said_size is not None:
        for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            struct.pack_into("<I", found, found.find(magic) + offset, said_size)
    return bytes(found)


def tar_with(*members: tarfile.TarInfo) -> bytes:
    """A tar of members without content: links, devices, folders."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            archive.addfile(member)
    return buffer.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", checksum)


def striped(label: str, number: int) -> bytes:
    """A picture with stripes one way or the other, in colours that say nothing."""
    drawn = np.random.default_rng([number, label == "upright"])
    stripes = np.repeat(drawn.integers(0, 255, (8, 1, 3)), 4, axis=0)
    pixels = np.broadcast_to(stripes, (32, 32, 3)).astype(np.uint8)
    image = Image.fromarray(pixels if label == "level" else pixels.transpose(1, 0, 2))
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return stored.getvalue()
