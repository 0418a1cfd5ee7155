"""How good a classifier is on images it has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.errors import InvalidError

N_BINS = 15
Z_95 = 1.959963984540054  # the 97.5 % point of the normal distribution


@dataclass(frozen=True, kw_only=True)
class ConfusionMatrix:
    """Test images by their label (rows) and the label they were given (columns)."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]  # [true][predicted]

    def to_json(self) -> dict[str, list[str] | list[list[int]]]:
        """As jobs and model versions show it."""
        return {"labels": list(self.labels), "counts": [list(row) for row in self.counts]}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one evaluation and the confusion matrix they come from."""

    accuracy: float
    accuracy_interval: tuple[float, float]  # 95 %, for images drawn like the test images
    ece: float
    n_test: int
    confusion_matrix: ConfusionMatrix

    def metrics_json(self) -> dict[str, float | int | list[float]]:
        """The figures without the matrix, as jobs and model versions show them."""
        return {
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "ece": self.ece,
            "n_test": self.n_test,
        }


def evaluate(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], *, labels: Sequence[str]
) -> Evaluation:
    """Judge `probabilities` (n, classes) against `targets` (n,), positions in `labels`.

    InvalidError with code "too_few_images" if there is nothing to judge by.
    """
    if not len(targets):
        raise InvalidError("there is no test image to evaluate on", code="too_few_images")
    predicted = probabilities.argmax(axis=1)
    n_right = int((predicted == targets).sum())
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (targets, predicted), 1)
    rows = tuple(tuple(row) for row in counts.tolist())
    return Evaluation(
        accuracy=n_right / len(targets),
        accuracy_interval=wilson_interval(n_right, len(targets)),
        ece=expected_calibration_error(probabilities.max(axis=1), predicted == targets),
        n_test=len(targets),
        confusion_matrix=ConfusionMatrix(labels=tuple(labels), counts=rows),
    )


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion, for n >= 1.

    Wilson, Probable inference, the law of succession, and statistical inference, Journal of the
    American Statistical Association 22, 1927. Unlike the normal interval it stays within [0, 1]
    and keeps its coverage for small n and shares near 0 or 1.
    """
    share, square = n_right / n, Z_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z_95 / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def expected_calibration_error(
    confidences: NDArray[np.float64], right: NDArray[np.bool_]
) -> float:
    """Mean gap between confidence and accuracy over 15 equal-width bins of confidence.

    `confidences` (n,) of the predicted label, `right` (n,) whether it was the true one. Guo,
    Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017, equation 3:
    bin m holds the confidences in ((m - 1) / 15, m / 15].
    """
    bins = np.clip(np.ceil(confidences * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    surplus = np.bincount(bins, weights=right - confidences, minlength=N_BINS)
    return float(np.abs(surplus).sum() / len(confidences))
