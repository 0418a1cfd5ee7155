"""How large an AVIF says that it is: its decoder calls one that is too large for it damaged."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

HEADER_BYTES = 1 << 16
SIZE = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{8})", re.DOTALL)
"""The box that says the width and height of a picture, or of a tile of it."""


def announced_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of everything in it, in pixels."""
    for found in SIZE.finditer(content, 0, HEADER_BYTES):
        width, height = struct.unpack("!II", found[1])
        yield width, height
