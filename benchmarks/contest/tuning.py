"""What a contestant that fine-tunes is given and hands in; runs without our code too."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest.task import Stopwatch, finish_line

LEAST_STEPS = 4


@dataclass(frozen=True, kw_only=True)
class TuningTask:
    """One contestant's work in one round."""

    tree: str  # train/LABEL, validation/LABEL and test/LABEL
    labels: tuple[str, ...]  # sorted
    n: int  # pictures to learn from and to choose by
    n_train: int  # of these, to learn from
    seed: int
    epochs: int  # for contestants that leave it to their user
    size: int  # of a picture as the network takes it, in pixels a side
    architecture: str  # as timm names the network
    weights: str  # its parameters in a file, under timm's names, without a classifier
    transform: Mapping[str, Any]  # the network's preprocessing, as arguments of timm's
    scratch: str  # an empty folder of the contestant's own
    probabilities: str  # where a rival's answers go: float32 (n tests, labels) as .npy
    labelled: str = ""  # for the service: the pictures to learn from, as a zip
    tests: str = ""  # those to judge on, likewise
    model: str = ""  # the network as the registry names it
    strategy: str = ""
    home: str = ""  # of a service that has exported the model and has ended
    plugins: str = ""  # a folder that tells of an installed plugin

    @property
    def part(self) -> Mapping[str, Path]:
        """Where each part of the pictures is."""
        return {name: Path(self.tree, name) for name in ("train", "validation", "test")}

    def batch(self, usual: int) -> int:
        """A contestant's own batch, or what gives an epoch four of them where it has not one."""
        return usual if usual <= self.n_train else max(2, self.n_train // LEAST_STEPS)


def read_tuning_task() -> TuningTask:
    """The task that the command line names."""
    fields = json.loads(Path(sys.argv[1]).read_text())
    return TuningTask(**{**fields, "labels": tuple(fields["labels"])})


def hand_in_answers(
    task: TuningTask,
    probabilities: NDArray[np.float32],
    watch: Stopwatch,
    *,
    packages: tuple[str, ...],
) -> None:
    """Write a rival's answers to the tests, in order of their paths, and its line."""
    np.save(task.probabilities, probabilities.astype(np.float32))
    print(finish_line(task.n, watch, packages=packages), flush=True)
