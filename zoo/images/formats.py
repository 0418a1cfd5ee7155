"""Which picture format a file's first bytes are those of; nothing is decoded."""

from __future__ import annotations

READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO")
"""The formats that are decoded, by Pillow's names."""
HEAD_BYTES = 4096
"""How much of a file is enough to tell."""

Magic = tuple[tuple[int, bytes, str], ...]
"""Where in a file which bytes stand, and the format that they mean."""

OURS: Magic = (
    (0, b"\xff\xd8\xff", "JPEG"),  # and MPO, which is several of them
    (0, b"\x89PNG", "PNG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WEBP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II\0*", "TIFF"),
    (0, b"MM*\0", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
)
FOREIGN: Magic = (
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "PSD"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"\0\0\2\0", "TGA or CUR"),
    (0, b"\0\0\3\0", "TGA"),
    (0, b"\0\0\x0a\0", "TGA"),
    (0, b"\0\0\x0b\0", "TGA"),
    (0, b"\0\1\1\0", "TGA"),
    (0, b"\0\1\x09\0", "TGA"),
    (0, b"icns", "ICNS"),
    (0, b"%!PS", "EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"\0\0\0\x0cjP", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"\x8aMNG", "MNG"),
    (0, b"\x8bJNG", "JNG"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"/* XPM", "XPM"),
    (0, b"\x01\xda\0", "SGI"),
    (0, b"\x01\xda\1", "SGI"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"\x0a\x05\x01", "PCX"),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (0, b"gimp xcf", "XCF"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"push graphic-context", "MVG"),
)
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
}
BITMAP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
"""The sizes in bytes that the second header of a bitmap may have."""
AVIF_BRANDS = (b"avif", b"avis")
NETPBM = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF")


def media_type(content: bytes) -> str | None:
    """What the first bytes say that a picture is; None for what no decoder here reads."""
    kind = kind_of(content)
    return None if kind is None else MEDIA_TYPES[kind]


def kind_of(content: bytes) -> str | None:
    """Which of the formats that are decoded a file begins as, however soon it ends."""
    if is_bitmap(content):
        return "BMP"
    if content[4:8] == b"ftyp":
        return "AVIF" if any(brand in _brands(content) for brand in AVIF_BRANDS) else None
    if content[:4] == b"RIFF" and len(content) < 12:
        return "WEBP" if content[8:] == b"WEBP"[: max(len(content) - 8, 0)] else None
    return _match(content, OURS)


def foreign_kind(content: bytes) -> str | None:
    """Which well-known picture format that is not decoded a file begins as."""
    if content[4:8] == b"ftyp":
        is_heif = any(brand[:3] in (b"hei", b"hev", b"mif", b"msf") for brand in _brands(content))
        return "HEIC" if is_heif else "a film"
    if content[:2] in NETPBM and content[2:3] in (b" ", b"\n", b"\r", b"\t", b"#"):
        return "PNM"
    if content[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return "SVG" if b"<svg" in content[:HEAD_BYTES].lower() else None
    return _match(content.lstrip(), FOREIGN) or _match(content, FOREIGN)


def is_bitmap(content: bytes) -> bool:
    """Whether a file begins as a bitmap: so may a text, but it goes on otherwise."""
    if content[:2] != b"BM":
        return False
    header = int.from_bytes(content[14:18], "little")
    return content[6:10] == bytes(4)[: len(content) - 6] or header in BITMAP_HEADERS


def _brands(content: bytes) -> list[bytes]:
    """The brands in the first box of an ISO media file, the major one first."""
    size = min(int.from_bytes(content[:4], "big"), 256)
    return [content[8:12], *(content[place : place + 4] for place in range(16, size, 4))]


def _match(content: bytes, table: Magic) -> str | None:
    matches = (
        kind for start, magic, kind in table if content[start : start + len(magic)] == magic
    )
    return next(matches, None)
