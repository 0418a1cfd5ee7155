"""How often exporting a backbone was cut off: what a machine ended says little of the backbone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

MOST = 3
"""Cuts after which the backbone is what brings them about."""
PAUSE_S = 600.0
"""How long after one it is not tried again: what was short then is likely to be short still."""


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """The cuts of one export, in a file that one at a time reads and writes."""

    path: Path
    pause_s: float

    @property
    def number(self) -> int:
        """How many there were."""
        try:
            return int(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    @property
    def is_recent(self) -> bool:
        """Whether the last was a moment ago; not of one that a clock set back has ahead of it."""
        if not self.path.exists():
            return False
        return 0 <= time.time() - self.path.stat().st_mtime < self.pause_s

    def add(self) -> int:
        """One more; how many that makes."""
        number = self.number + 1
        self.path.write_text(str(number))
        return number

    def forget(self) -> None:
        """Begin anew."""
        self.path.unlink(missing_ok=True)
