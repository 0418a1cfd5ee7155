"""How well each label is told from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.training.intervals import Interval, f1_interval, wilson_interval

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Test images by their label (rows) and the label they were given (columns)."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]  # [true][predicted]

    def to_json(self) -> dict[str, list[str] | list[list[int]]]:
        """As jobs and model versions show it."""
        return {"labels": list(self.labels), "counts": [list(row) for row in self.counts]}


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """One label among the test images; a share of no images is null, the intervals are 95 %."""

    label: str
    support: int  # images that have the label
    predicted: int  # images that were given it
    precision: float | None  # of those given it, the share that has it
    precision_interval: Interval
    recall: float | None  # of those that have it, the share that was given it
    recall_interval: Interval
    f1: float | None
    f1_interval: Interval

    def to_json(self) -> dict[str, object]:
        """As reports show it."""
        return asdict(self)


def count_confusions(targets: Counts, predicted: Counts, *, labels: Sequence[str]) -> Counts:
    """How often each label (rows) was taken for each other (columns)."""
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (targets, predicted), 1)
    return counts


def as_matrix(counts: Counts, *, labels: Sequence[str]) -> ConfusionMatrix:
    """The counts with their labels, in plain numbers."""
    return ConfusionMatrix(
        labels=tuple(labels), counts=tuple(tuple(row) for row in counts.tolist())
    )


def judge_classes(counts: Counts, *, labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    """The figures of each label, in the order of `labels`."""
    rows = zip(
        labels,
        counts.diagonal().tolist(),
        counts.sum(axis=1).tolist(),
        counts.sum(axis=0).tolist(),
        strict=True,
    )
    return tuple(_figures(*row) for row in rows)


def balanced_accuracy(classes: Sequence[ClassFigures]) -> float:
    """The mean recall of the labels that any test image has: rare ones count like common ones."""
    recalls = [one.recall for one in classes if one.recall is not None]
    return sum(recalls) / len(recalls)


def macro_f1(classes: Sequence[ClassFigures]) -> float:
    """The mean F1 of the labels that any test image has or was given."""
    figures = [one.f1 for one in classes if one.f1 is not None]
    return sum(figures) / len(figures)


def _figures(label: str, n_both: int, support: int, predicted: int) -> ClassFigures:
    either = support + predicted - n_both
    return ClassFigures(
        label=label,
        support=support,
        predicted=predicted,
        precision=_share(n_both, predicted),
        precision_interval=wilson_interval(n_both, predicted),
        recall=_share(n_both, support),
        recall_interval=wilson_interval(n_both, support),
        f1=_share(2 * n_both, support + predicted),
        f1_interval=f1_interval(n_both, either),
    )


def _share(n: int, whole: int) -> float | None:
    return n / whole if whole else None
