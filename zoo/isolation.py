"""A module of ours run in a process of its own, which may fail, hang or print as it likes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import IO

from zoo import leash

_LAST_WORDS = 300


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How such a process ended, with what it wrote."""

    status: int | None  # None: it was ended for taking too long
    output: bytes  # of its standard output, at most one byte more than was allowed
    last_words: str  # the last line of its standard error

    @property
    def is_cut_off(self) -> bool:
        """Whether a signal or its limit ended it, and not the module itself."""
        return self.status is None or self.status < 0

    @property
    def ending(self) -> str:
        """In words."""
        if self.status is None:
            return "it took too long"
        if self.status < 0:
            return f"signal {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


def run_module(
    module: str, *arguments: str, timeout_s: float, max_output_bytes: int = 1_000_000
) -> Ended:
    """Run `python -m module arguments...` to its end, with all that it started.

    It ends with the thread that waits for it, and its standard input is empty.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = _start([module, *arguments], output=output, errors=errors)
        try:
            status: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _kill_group(process)
        output.seek(0)
        return Ended(
            status=status, output=output.read(max_output_bytes + 1), last_words=_tail(errors)
        )


def _start(command: list[str], *, output: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, leash.PARENT: str(os.getpid())}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "zoo.held", *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=environment,
        process_group=0,
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The group, so that what the module itself started ends too.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a zombie's group
        process.poll()
    process.wait()


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 4 * _LAST_WORDS))
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1][-_LAST_WORDS:] if lines else ""
