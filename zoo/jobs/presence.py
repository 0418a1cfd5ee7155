"""Telling whether a process that wrote a row is still the one that runs."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

STARTTIME = 19  # proc(5) counts it as field 22, and what precedes ")" holds the first two
BOOT = Path("/proc/sys/kernel/random/boot_id")
PROCESS_IDS = Path("/proc/self/ns/pid")


@dataclass(frozen=True, kw_only=True)
class Presence:
    """A process: host name, process id, and when it started, as the process ids are reused.

    What `started` has before its last dot tells whose process ids they are: hosts may have one
    name, as clones have and containers on the network of their host.
    """

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
    """True if it is known here that the process has ended; False for those of other places."""
    here = this_process()
    if (presence.node, _place(presence.started)) != (here.node, _place(here.started)):
        return False
    return _started(presence.pid) != presence.started


def is_running(pid: int) -> bool:
    """Whether a process id of this host belongs to a living process."""
    return _started(pid) is not None


def boot_id() -> str:
    """Which start of which machine this is; empty where the system does not tell."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def _place(started: str) -> str:
    """Where a process id stands for this process: a boot and its namespace; elsewhere unknown."""
    return started.rpartition(".")[0] if sys.platform == "linux" else ""


def _started(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _since_boot(pid) if sys.platform == "linux" else f"{process.create_time():.2f}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def _since_boot(pid: int) -> str:
    """Where, and clock ticks after its boot: unlike psutil's instant, no clock step moves it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{boot_id()[:8]}.{_namespace()}.{fields[STARTTIME]}"


def _namespace() -> str:
    """The number of the process ids' namespace; empty where the system does not tell."""
    try:
        return str(PROCESS_IDS.stat().st_ino)
    except OSError:
        return ""
