"""JPEGs that would cost more time than they have bytes for are refused before a decoder begins."""

from __future__ import annotations

import re

from zoo.images.child.refusals import damaged, unread

MAX_SCANS = 500
"""Each scan of a progressive JPEG may cost as much as the whole picture, and take 100 bytes."""
START_OF_SCAN = b"\xff\xda"
MAX_FILL = 4096
"""Bytes between two segments that mean nothing; Pillow passes over them one by one."""
FILL = re.compile(rb"\xff+")
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length behind them."""
PIXELS_OR_END = frozenset({0xD9, 0xDA})


def cheap_jpeg(content: bytes) -> bytes:
    """The same bytes; raises `Refused` for more scans or fill than any camera writes."""
    scans = content.count(START_OF_SCAN)
    if scans > MAX_SCANS:
        raise unread("JPEG", f"it has {scans} scans, at most {MAX_SCANS} are decoded")
    place = 2
    while found := FILL.match(content, place):
        if found.end() - place > MAX_FILL:
            raise damaged(f"{found.end() - place} bytes of fill stand in its header")
        marker = content[found.end() : found.end() + 1]
        if not marker or marker[0] in PIXELS_OR_END:
            break
        size = 0 if marker[0] in ALONE else _size(content, found.end() + 1)
        place = found.end() + 1 + size
    return content


def _size(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 2], "big")
