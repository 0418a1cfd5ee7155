"""Disks that are soon full."""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SMALL = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SmallDisk:
    """A folder that takes less than `SMALL` bytes, and what is said when it has them."""

    folder: Path
    code: str
    reason: str


@contextmanager
def small_disk_at(folder: Path) -> Iterator[SmallDisk]:
    """A file system of its own where we may mount one, otherwise a limit on the size of files."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
    if shutil.which("mount") and subprocess.run(mount, capture_output=True).returncode == 0:
        try:
            yield SmallDisk(folder=folder, code="disk_full", reason="No space left on device")
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL - 1, hard))
    try:
        yield SmallDisk(folder=folder, code="storage_unavailable", reason="File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
