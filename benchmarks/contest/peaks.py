"""The most memory that any process of each part of a service has held."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.contest.service import part_of
from benchmarks.contest.task import family

SAMPLE_EVERY_S = 1.0


class Peaks:
    """Watches a service until the block ends; bytes of the largest process of each part.

    `resident` is what the kernel itself kept as the peak, where it does (Linux); pages of mapped
    files are in it. `proportional` shares pages among those who have them, and is sampled.
    """

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._stopped = threading.Event()
        self._sampler = threading.Thread(target=self._run, daemon=True)
        self.resident: dict[str, int] = {}
        self.proportional: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._sampler.join()

    def _run(self) -> None:
        while True:
            self._sample()
            if self._stopped.wait(SAMPLE_EVERY_S):
                return self._sample()

    def _sample(self) -> None:
        for process in family(self._root):
            with contextlib.suppress(psutil.Error, OSError):
                part = part_of(process)
                self._note(self.resident, part, resident_peak(process))
                self._note(self.proportional, part, process.memory_full_info().pss)

    @staticmethod
    def _note(peaks: dict[str, int], part: str, size_bytes: int) -> None:
        peaks[part] = max(peaks.get(part, 0), size_bytes)


def resident_peak(process: psutil.Process) -> int:
    """The most that a process has had resident in its life; where nobody knows, what it has."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return int(process.memory_info().rss)
