"""Telling whether a process that wrote a row is still the one that runs."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

STARTTIME = 19  # proc(5) counts it as field 22, and what precedes ")" holds the first two


@dataclass(frozen=True, kw_only=True)
class Presence:
    """A process: host name, process id, and when it started, as the process ids are reused."""

    node: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.node}/{self.pid}/{self.started}"


def this_process() -> Presence:
    """The process that asks."""
    started = _started(os.getpid()) or ""
    return Presence(node=socket.gethostname(), pid=os.getpid(), started=started)


def parse_presence(text: str) -> Presence | None:
    """The presence that `str()` gave; None for anything else."""
    node, _, rest = text.rpartition("/")[0].rpartition("/")
    started = text.rpartition("/")[2]
    return Presence(node=node, pid=int(rest), started=started) if rest.isdigit() else None


def is_gone(presence: Presence) -> bool:
    """True if this host knows that the process has ended; False for other hosts' processes."""
    if presence.node != socket.gethostname():
        return False
    return _started(presence.pid) != presence.started


def is_running(pid: int) -> bool:
    """Whether a process id of this host belongs to a living process."""
    return _started(pid) is not None


def _started(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _since_boot(pid) if sys.platform == "linux" else f"{process.create_time():.2f}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def _since_boot(pid: int) -> str:
    """Which boot, and clock ticks after it: unlike psutil's instant, no clock step moves it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return f"{boot}.{fields[STARTTIME]}"
