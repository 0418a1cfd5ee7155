"""Fitting heads in parts: what a long one came to is kept, and other jobs may have their turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from zoo.jobs.ledger import Claim
from zoo.training.once import Arrays
from zoo_workers.context import Context
from zoo_workers.kept import Kept
from zoo_workers.stopping import stop_if_cancelled
from zoo_workers.turns import Turn

WORTH_S = 2.0
"""How long finding takes of what is worth keeping."""


class Solving:
    """Gives results of one strategy by their names, those that took long from files."""

    def __init__(self, context: Context, claim: Claim, kept: Kept, *, strategy: str) -> None:
        self._context = context
        self._claim = claim
        self._kept = kept
        self._strategy = strategy
        self._turn = Turn(context, claim)
        self._least_s = min(WORTH_S, context.settings.checkpoint_every_s)

    def __call__(self, name: str, find: Callable[[], Arrays], /) -> Arrays:
        """What `find` gives; raises `CancelledWorkError` and `GivenWayError` once it is kept."""
        path = self._kept.found(self._strategy, name)
        if path is not None:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        began = time.monotonic()
        found = find()
        if time.monotonic() - began < self._least_s:
            return found
        self._kept.keep_found(self._strategy, name, partial(_write, found))
        with self._context.catalog.read() as session:
            stop_if_cancelled(session, self._claim)
        self._turn.end()
        return found


def _write(found: Arrays, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **found)
