"""How the life of a process before this one ended, as far as anybody can tell."""

from __future__ import annotations

import os
import signal
from pathlib import Path

LAST_LIFE = "ZOO_LAST_LIFE"
NONE = "none"
KILLED = (signal.SIGKILL, signal.SIGTERM)
VMSTAT = Path("/proc/vmstat")


def telling(returncode: int | None) -> dict[str, str]:
    """The environment by which who starts a process again tells it how it ended.

    None: there was no life before it, or whoever started that one has ended as well.
    """
    return {LAST_LIFE: NONE if returncode is None else str(returncode)}


def was_killed() -> bool:
    """Whether the last life is known to have ended by somebody's will; False if nobody told."""
    return os.environ.get(LAST_LIFE) in (NONE, *(str(-number) for number in KILLED))


def oom_kills(vmstat: Path = VMSTAT) -> int | None:
    """How many processes this machine has killed for memory since it was started.

    None where the system does not tell.
    """
    try:
        lines = vmstat.read_text().splitlines()
    except OSError:
        return None
    return next((int(one.split()[1]) for one in lines if one.startswith("oom_kill ")), None)
