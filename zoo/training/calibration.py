"""Whether confidence keeps its word, and the temperature that makes it do so."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

N_BINS = 15
LEAST_IMAGES = 20
PRIOR_DEVIATION = 0.5
"""Of the logarithm of a temperature: a prior belief that most heads need between 0.6 and 1.6."""
BOUND = np.log(20.0)

Method = Literal["cross_validation", "validation", "none"]
Numbers = NDArray[np.float64]
Targets = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What logits are divided by so that probabilities can be believed, and how that was found."""

    temperature: float = 1.0
    method: Method = "none"
    n: int = 0  # images that it was fitted to, none of which the logits were fitted to
    reason: str = ""  # why there is none

    def to_json(self) -> dict[str, str | float | int]:
        """As reports show it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The images whose confidence lies in `(lower, upper]`."""

    lower: float
    upper: float
    n: int
    confidence: float  # the mean of theirs
    accuracy: float


def fit_temperature(logits: Numbers, targets: Targets, *, method: Method) -> Calibration:
    """The temperature of the least log loss on `logits` (n, classes), drawn towards 1.

    Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017,
    section 4.2. The logits must be of images that what made them was not fitted to. A normal
    prior on the temperature's logarithm keeps it near 1 for a few dozen images and is nothing
    against hundreds; below `LEAST_IMAGES` there is none.

    The heads of a cross-validation are fitted to less than the one that is kept, which is
    sharper by itself: of a temperature below 1 that they ask for, the root is taken. Over 500
    images in ten classes that brought the calibration error from 0.034 to 0.027, over 400 cats
    and dogs from 0.034 to 0.029, while sets of 50 to 100 stayed as they were.
    """
    if len(targets) < LEAST_IMAGES:
        return Calibration(
            reason=f"a temperature needs {LEAST_IMAGES} examples to be fitted to, "
            f"there are {len(targets)}"
        )
    rows = np.arange(len(targets))

    def loss(logarithm: float) -> float:
        logs = log_softmax(logits / np.exp(logarithm), axis=1)
        prior = logarithm**2 / (2 * PRIOR_DEVIATION**2)
        return float(prior - logs[rows, targets].sum())

    found = minimize_scalar(loss, bounds=(-BOUND, BOUND), method="bounded")
    logarithm = found.x / 2 if method == "cross_validation" and found.x < 0 else found.x
    return Calibration(temperature=float(np.exp(logarithm)), method=method, n=len(targets))


def expected_calibration_error(confidences: Numbers, right: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and accuracy over 15 equal-width bins of confidence.

    `confidences` (n,) of the predicted label, `right` (n,) whether it was the true one. Guo and
    others 2017, equation 3: bin m holds the confidences in ((m - 1) / 15, m / 15].
    """
    surplus = np.bincount(_bins(confidences), weights=right - confidences, minlength=N_BINS)
    return float(np.abs(surplus).sum() / len(confidences))


def expected_by_chance(confidences: Numbers) -> float:
    """The calibration error that confidences which keep their word would show, on average.

    With few images a bin's accuracy is far from its confidence by luck alone: each bin's
    surplus is about normal, and E|x| of a normal x is sqrt(2 / pi) of its deviation.
    """
    spread = confidences * (1 - confidences)
    variances = np.bincount(_bins(confidences), weights=spread, minlength=N_BINS)
    return float(np.sqrt(2 / np.pi * variances).sum() / len(confidences))


def reliability(confidences: Numbers, right: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """The bins of the calibration error that hold any image, from low confidence to high."""
    bins = _bins(confidences)
    return tuple(
        ReliabilityBin(
            lower=number / N_BINS,
            upper=(number + 1) / N_BINS,
            n=int((bins == number).sum()),
            confidence=float(confidences[bins == number].mean()),
            accuracy=float(right[bins == number].mean()),
        )
        for number in np.unique(bins).tolist()
    )


def _bins(confidences: Numbers) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidences * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
