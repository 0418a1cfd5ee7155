"""Training with fewer pictures at once, where memory was short for more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo.endings import VMSTAT, oom_kills
from zoo.inference.faulting import is_short
from zoo.jobs.ledger import Claim
from zoo.jobs.presence import boot_id
from zoo_workers.kept import Kept
from zoo_workers.shortage import fewer
from zoo_workers.watching import JobWatch

if TYPE_CHECKING:
    from zoo.training.loop import Training


def run(training: Training, watch: JobWatch, *, kept: Kept, strategy: str) -> None:
    """Train to the end; where memory runs out, the next attempt goes on with half as much."""
    try:
        training.run(watch)
    except Exception as error:
        if is_short(error):
            _halve(training, kept, strategy)
        raise


def spare(
    training: Training, claim: Claim, *, kept: Kept, strategy: str, vmstat: Path = VMSTAT
) -> None:
    """Forward no more at once than earlier attempts came to, and less if one was killed for it.

    What is killed cannot say so itself, but the system counts what it kills for memory. Fewer
    pictures at once are other bits: where nothing is counted they wait for the third attempt.
    """
    known = kept.micro_batch(strategy)
    if known is not None:
        training.limit(known)
    attempt, kills, boot = claim.shard.attempt, oom_kills(vmstat), boot_id()
    if kills is None:
        if attempt > 1:
            training.limit(fewer(training.recipe.batch_size, claim))
        return
    before = kept.oom_kills(boot)
    is_killed = attempt > 0 and before is not None and kills > before
    if is_killed:
        _halve(training, kept, strategy)
    if before != kills:
        kept.keep_oom_kills(boot, kills)


def _halve(training: Training, kept: Kept, strategy: str) -> None:
    """Have this process, and those after it, forward half as many at once."""
    if training.micro_batch > 1:
        training.limit(training.micro_batch // 2)
        kept.keep_micro_batch(strategy, training.micro_batch)
