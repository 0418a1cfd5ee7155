"""When long work lets other jobs have its process: once it has been of some use there."""

from __future__ import annotations

import time

from zoo.jobs.giving import is_in_the_way
from zoo.jobs.ledger import Claim
from zoo_workers.context import Context
from zoo_workers.stopping import GivenWayError

TURNS = 2
"""How many checkpoints work comes to before it gives way to other jobs."""


class Turn:
    """The time that a process has spent on a part of a shard's work."""

    def __init__(self, context: Context, claim: Claim, *, least_s: float = 0.0) -> None:
        self._context = context
        self._claim = claim
        self._began = time.monotonic()
        self._least_s = max(least_s, TURNS * context.settings.checkpoint_every_s)

    def end(self) -> None:
        """Let other jobs have the process, if they wait for it; what was come to is kept.

        Not before it has been of some use: to go on, what the work needs is loaded anew. Raises
        `GivenWayError`.
        """
        if time.monotonic() - self._began < self._least_s:
            return
        if is_in_the_way(self._context.catalog, self._claim):
            raise GivenWayError
