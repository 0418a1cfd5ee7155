"""Keeps a process from outliving the one that started it, even when that one is killed.

`zoo up` holds a `Leash`, a pipe of which only it has the write end; every process it starts
calls `hold()` first thing. Two things then end the process: the kernel's signal for a parent's
death (Linux; sent when the *thread* that started it ends, so children are started from main
threads) and end-of-file on the pipe, for which a thread waits.

`python -I zoo/leash.py -- COMMAND ...` puts a binary that knows nothing of this on the leash.
This file needs the standard library alone.
"""

import ctypes
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

FD = "ZOO_LEASH_FD"
INODE = "ZOO_LEASH_INODE"
PARENT = "ZOO_LEASH_PPID"

_PR_SET_PDEATHSIG = 1
_POLL_PARENT_S = 0.5


class Leash:
    """The holder's end: whatever is on this leash ends when the holder does, however it does."""

    def __init__(self) -> None:
        # Python's pipes are close-on-exec: no child ever has the write end.
        self.read_fd, self._write_fd = os.pipe()

    def environment(self) -> dict[str, str]:
        """What a child needs to hold on, besides `read_fd` itself (`pass_fds`)."""
        inode = os.fstat(self.read_fd).st_ino
        return {FD: str(self.read_fd), INODE: str(inode), PARENT: str(os.getpid())}

    def release(self) -> None:
        """Let go: whatever is still on the leash ends now."""
        os.close(self._write_fd)
        os.close(self.read_fd)


def hold() -> None:
    """Tie this process to the one that started it, if that one holds a leash; call it in `main`.

    From then on the environment names this process as the parent, for `hold_child` in what it
    forks and `hold` in what it starts.
    """
    parent = os.environ.get(PARENT)
    os.environ[PARENT] = str(os.getpid())
    if parent is None:
        return
    die_with_parent(int(parent))
    fd = _leash_fd()
    if fd is not None:
        os.set_inheritable(fd, False)
        threading.Thread(target=_wait_for_release, args=(fd,), name="leash", daemon=True).start()


def hold_child() -> None:
    """The same for a process that ours has forked (a gunicorn worker, a Celery pool child)."""
    hold()


def die_with_parent(ppid: int) -> None:
    """Have this process killed when its parent, whose pid the caller knows, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    else:
        threading.Thread(target=_wait_for_orphaning, args=(ppid,), daemon=True).start()
    if os.getppid() != ppid:  # it ended before the kernel was told
        _die()


def _leash_fd() -> int | None:
    """The pipe's read end; None where a process in between did not pass it on."""
    try:
        fd = int(os.environ[FD])
        found = os.fstat(fd)
    except (KeyError, ValueError, OSError):
        return None
    is_leash = stat.S_ISFIFO(found.st_mode) and str(found.st_ino) == os.environ.get(INODE)
    return fd if is_leash else None


def _wait_for_release(fd: int) -> None:
    os.read(fd, 1)  # nobody writes: it returns when the last write end is closed
    _die()


def _wait_for_orphaning(ppid: int) -> None:
    while os.getppid() == ppid:
        time.sleep(_POLL_PARENT_S)
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run(command: Sequence[str]) -> int:
    """Become the command where the kernel's signal outlives an exec, else stay as its guard."""
    if sys.platform == "linux":
        die_with_parent(int(os.environ[PARENT]))
        fd = _leash_fd()
        if fd is not None:
            os.set_inheritable(fd, False)
        os.execvp(command[0], list(command))  # noqa: S606  # no shell is wanted
    return _guard(command)


def _guard(command: Sequence[str]) -> int:
    child = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    threading.Thread(target=_kill_on_release, args=(child,), daemon=True).start()
    return child.wait()


def _kill_on_release(child: subprocess.Popen[bytes]) -> None:
    fd = _leash_fd()
    if fd is not None:
        os.read(fd, 1)
        child.kill()


if __name__ == "__main__":
    sys.exit(_run(sys.argv[sys.argv.index("--") + 1 :]))
