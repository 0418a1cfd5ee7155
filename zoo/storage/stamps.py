"""What tells that a file is the one that was verified: it costs a look, not a reading."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int]


def stamp_of(path: Path) -> Stamp:
    """Changes when a file is written to, replaced or cut; `FileNotFoundError` if it is gone."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
