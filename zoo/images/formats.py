"""Which picture format a file's first bytes are those of; nothing is decoded."""

from __future__ import annotations

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "image/tiff"),
    (0, b"MM\x00+", "image/tiff"),
    (4, b"ftypavi", "image/avif"),
)
"""Where in a file which bytes stand, and the type that they mean."""


def media_type(content: bytes) -> str | None:
    """What the first bytes say that a picture is; None for what no decoder here reads."""
    matches = (
        kind for start, magic, kind in MAGIC if content[start : start + len(magic)] == magic
    )
    return next(matches, None)
