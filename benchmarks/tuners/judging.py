"""How well a contestant answered the tests, whoever it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.contest.labelled import TEST, Cut, files_of
from benchmarks.contest.running import Finish
from benchmarks.contest.tuning import TuningTask
from zoo.training.calibration import expected_calibration_error


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one contestant made of one task."""

    contestant: str
    n: int  # pictures to learn from and to choose by
    n_labels: int
    seed: int
    n_right: int
    n_tests: int
    ece: float
    cpu_s: float
    wall_s: float
    used: str  # the strategy that came out, of a service
    again_cpu_s: float | None  # the same asked for once more, of a service
    again_wall_s: float | None
    versions: Mapping[str, str]
    tests: frozenset[Path] = field(repr=False)  # which of the folder's pictures it was judged on


def judge(contestant: str, task: Cut, work: TuningTask, finish: Finish) -> Trial:
    """Its answers against the truth; a service has judged itself on the same pictures."""
    metrics = finish.notes.get("metrics")
    if metrics:
        n_right, n_tests = round(metrics["accuracy"] * metrics["n_test"]), metrics["n_test"]
        ece = metrics["ece"]
    else:
        n_right, ece = answered(work, task)
        n_tests = len(task.truth)
    return Trial(
        contestant=contestant,
        n=task.n,
        n_labels=len(task.labels),
        seed=work.seed,
        n_right=n_right,
        n_tests=n_tests,
        ece=ece,
        cpu_s=finish.cpu_s,
        wall_s=finish.wall_s,
        used=finish.notes.get("used", ""),
        again_cpu_s=finish.notes.get("again_cpu_s"),
        again_wall_s=finish.notes.get("again_wall_s"),
        versions=finish.versions,
        tests=frozenset(path.resolve() for path, _ in files_of(task.tree / TEST)),
    )


def answered(work: TuningTask, task: Cut) -> tuple[int, float]:
    """How many of a rival's answers are right, and how far their probabilities are off."""
    probabilities = np.load(work.probabilities).astype(np.float64)
    right = np.array(task.labels)[probabilities.argmax(axis=1)] == np.array(task.truth)
    return int(right.sum()), expected_calibration_error(probabilities.max(axis=1), right)
