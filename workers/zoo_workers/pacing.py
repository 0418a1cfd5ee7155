"""How often to write down how far work has come: often enough, and not at any price."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.05
"""Of the time, what writing may take."""
LONGEST_S = 60.0
"""What is written at least so often, whatever it takes."""


class Pacing:
    """Every so many seconds, 0 for every time; seldomer where writing takes long."""

    def __init__(self, every_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._written = clock()
        self._cost_s = 0.0  # of writing the last time

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        wait_s = max(self._every_s, self._fair_s) if self._every_s else 0.0
        return self._clock() - self._written >= wait_s

    @property
    def is_cheap(self) -> bool:
        """Whether to write at a good moment, ahead of time, is within the share."""
        return self.is_due or self._clock() - self._written >= self._fair_s

    @property
    def _fair_s(self) -> float:
        return min(self._cost_s / SHARE, LONGEST_S)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """For the block that writes."""
        began = self._clock()
        yield
        self._written = self._clock()
        self._cost_s = self._written - began
