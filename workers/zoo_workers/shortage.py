"""Running out of memory: telling it from other errors, and trying with less the next time."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import ZooError
from zoo.jobs.ledger import Claim

BOOT = Path("/proc/sys/kernel/random/boot_id")


def fewer(batch: int, claim: Claim) -> int:
    """How many contents to forward at a time: half as many with each attempt that failed.

    Whatever ended the one before, a process that was killed for its memory cannot say so. A wait
    for what does not answer is no such attempt.
    """
    return max(1, batch >> claim.shard.attempt)


def shortage() -> ZooError:
    """The error for a shard whose process had too little memory."""
    return ZooError(
        "the worker ran out of memory, with smaller batches too; "
        "give it more, or set ZOO_WORKER_PROCESSES or ZOO_FORWARD_BATCH lower",
        code="out_of_memory",
    )


def boot_id(path: Path = BOOT) -> str:
    """Which start of which machine this is; empty where the system does not tell."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
