"""Running out of memory: telling it from other errors, and trying with less the next time."""

from __future__ import annotations

from zoo.errors import ZooError
from zoo.jobs.ledger import Claim


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
