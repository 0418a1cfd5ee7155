"""Ends a process that makes no progress; whoever started it starts another."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Watchdog:
    """Bites unless it is fed at least every `limit_s` seconds; 0: never.

    By an alarm of the kernel, so that nothing the process hangs in can keep it off: SIGALRM must
    be left to its default, which ends the process.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    def feed(self) -> None:
        """Say that something was done."""
        if self._limit_s:
            signal.setitimer(signal.ITIMER_REAL, self._limit_s)

    def rest(self) -> None:
        """Say that there is nothing to do."""
        if self._limit_s:
            signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """For a block that may take as long as it likes."""
        self.rest()
        yield
        self.feed()
