"""Telling whether a process that wrote a row is still the one that runs."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil


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
        return f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
