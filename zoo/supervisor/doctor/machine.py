"""What the service needs of its machine: Python, room, memory, files, a disk to rely on."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from zoo.settings import IN_MEMORY, Settings
from zoo.supervisor.doctor.findings import Check, Finding, fail, ok, warn
from zoo.supervisor.home import MIN_FREE_BYTES
from zoo.supervisor.parts import complaints

PYTHON = (3, 11)
ROOMY_BYTES = 5_000_000_000
MEMORY_A_CORE = 1_000_000_000
"""A batch child with a small model, its sandbox and what both share."""
SHM_BYTES = 64_000_000
FILES = 1024
SLOW_FSYNC_S = 0.1
PROBES = 5
OLDEST = 1_735_689_600.0
"""2025 began then: a clock of before is not set."""


def check_python(_settings: Settings) -> Iterator[Finding]:
    """Python's version, and what extras are missing."""
    version = platform.python_version()
    if sys.version_info < PYTHON:
        yield fail("python", f"Python {version}", remedy="install Python 3.11 or later")
    else:
        yield ok("python", f"Python {version} on {platform.system()} {platform.machine()}")
    for complaint in complaints():
        said, _, remedy = complaint.partition("; ")
        yield warn("packages", said, remedy=remedy)


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Room for the home, and whether it can be written."""
    folder = _nearest(settings.home)
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB free for {settings.home}"
    if free < MIN_FREE_BYTES:
        yield fail("disk", said, remedy="make room, run `zoo gc`, or choose another --home")
    elif free < ROOMY_BYTES:
        yield warn("disk", said, remedy="make room, or run `zoo gc`")
    else:
        yield ok("disk", said)
    if not os.access(folder, os.W_OK):
        remedy = f"let this user write to {folder}, or choose another --home"
        yield fail("disk", f"{folder} cannot be written", remedy=remedy)


def check_fsync(settings: Settings) -> Iterator[Finding]:
    """Whether the disk takes its time to make a file durable, or refuses."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(settings.home)) as file:
            began = time.perf_counter()
            for _ in range(PROBES):
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
            taken_s = (time.perf_counter() - began) / PROBES
    except OSError as error:
        remedy = "choose a --home on a disk of this machine"
        yield fail("fsync", f"a file cannot be made durable: {error.strerror}", remedy=remedy)
        return
    said = f"a file is durable in {taken_s * 1000:.1f} ms"
    if taken_s > SLOW_FSYNC_S:
        yield warn("fsync", said, remedy="put the home on a faster disk, not on a network's")
    else:
        yield ok("fsync", said)


def check_memory(settings: Settings) -> Iterator[Finding]:
    """Memory for as many batch children as will be started."""
    found = psutil.virtual_memory()
    needed = settings.cores * MEMORY_A_CORE
    said = (
        f"{found.available / 1e9:.1f} of {found.total / 1e9:.1f} GB free, {settings.cores} cores"
    )
    if found.available < needed:
        remedy = "end what else runs here, or set ZOO_WORKER_PROCESSES to fewer"
        yield warn("memory", said, remedy=remedy)
    else:
        yield ok("memory", said)


def check_shm(_settings: Settings) -> Iterator[Finding]:
    """The memory in which pictures pass from one process to another."""
    if not IN_MEMORY.is_dir():  # as on macOS, which needs none
        return
    free = shutil.disk_usage(IN_MEMORY).free
    said = f"{free / 1e6:.0f} MB free in {IN_MEMORY}"
    if free < SHM_BYTES:
        remedy = "give the container more shared memory: --shm-size=256m"
        yield fail("shared memory", said, remedy=remedy)
    else:
        yield ok("shared memory", said)


def check_files(_settings: Settings) -> Iterator[Finding]:
    """How many files a process may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = f"a process may open {limit} files"
    if limit != resource.RLIM_INFINITY and limit < FILES:
        yield warn("open files", said, remedy=f"raise it: ulimit -n {4 * FILES}")
    else:
        yield ok("open files", said)


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Whether the clock tells a time after the last that this home saw."""
    newest = max((path.stat().st_mtime for path in _clocked(settings)), default=OLDEST)
    said = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < newest - 60:
        yield warn("clock", f"{said}, before the home's last change", remedy="set the clock")
    else:
        yield ok("clock", said)


def _clocked(settings: Settings) -> Iterator[Path]:
    names = ("catalog.sqlite3", "catalog.sqlite3-wal", "run/zoo.lock")
    return (path for name in names if (path := settings.home / name).exists())


def _nearest(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


CHECKS: tuple[Check, ...] = (
    check_python,
    check_disk,
    check_fsync,
    check_memory,
    check_shm,
    check_files,
    check_clock,
)
