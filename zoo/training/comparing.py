"""Strategies against each other: which to take, and what can be said of the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from zoo.training.intervals import Interval

LEAST_GAIN = 0.005
"""Of the log loss, in nats: engines that round otherwise make a thousandth of it."""
LEAST_WORTH = 0.02
"""What pre-training may at most be worth, as a share of pictures, to be called worth nothing."""
Z_95 = 1.959963984540054  # the 97.5 % point of the normal distribution


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """What one strategy came to."""

    strategy: str
    validation_loss: float | None  # of heads that the pictures were held out from; None: no such
    validation_accuracy: float | None
    accuracy: float  # on the test side
    accuracy_interval: Interval
    is_right: NDArray[np.bool_]  # of each test picture, in one order for all
    cpu_s: float
    trained_parameters: int

    def to_json(self) -> dict[str, object]:
        """A row of the comparison's table."""
        return {
            "strategy": self.strategy,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "validation_loss": self.validation_loss,
            "validation_accuracy": self.validation_accuracy,
            "cpu_s": round(self.cpu_s, 2),
            "trained_parameters": self.trained_parameters,
        }


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much more of the same pictures one gets right than another; the interval is 95 %."""

    points: float  # share, not percent
    interval: Interval

    @property
    def is_tie(self) -> bool:
        """Whether it may well be nothing."""
        return self.interval[0] <= 0 <= self.interval[1]


def difference(one: Candidate, other: Candidate) -> Difference:
    """Of two judged on the same pictures: only those that they disagree on count.

    The normal interval of a difference of paired proportions, after McNemar 1947, with half a
    picture added to each kind of disagreement (Agresti and Min, Simple improved confidence
    intervals for comparing matched proportions, Statistics in Medicine 24, 2005). The points are
    the accuracies' own difference, as a reader of both works it out.
    """
    won = int((one.is_right & ~other.is_right).sum()) + 0.5
    lost = int((~one.is_right & other.is_right).sum()) + 0.5
    n = len(one.is_right) + 2
    centre = (won - lost) / n
    half = Z_95 * math.sqrt(won + lost - (won - lost) ** 2 / n) / n
    return Difference(
        points=(won - lost) / len(one.is_right),
        interval=(max(-1.0, centre - half), min(1.0, centre + half)),
    )


def log_loss_of(logits: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Mean negative logarithm of the probability of the truth, in nats."""
    logs = log_softmax(logits, axis=1)
    return -float(logs[np.arange(len(targets)), targets].mean())


def choose_best(candidates: Sequence[Candidate]) -> Candidate:
    """The one of the least validation loss; the first where there are none.

    `candidates` from the cheapest to the dearest: a dearer one has to gain `LEAST_GAIN`.
    """
    best = candidates[0]
    for one in candidates[1:]:
        if one.validation_loss is None or best.validation_loss is None:
            continue
        if one.validation_loss < best.validation_loss - LEAST_GAIN:
            best = one
    return best


def choose_cheapest(candidates: Sequence[Candidate]) -> Candidate:
    """The cheapest of which the best cannot be told apart on the test pictures.

    It may be chosen by them, as it is never the one that they flatter.
    """
    best = choose_best(candidates)
    return next(one for one in candidates if one is best or difference(best, one).is_tie)


def verdict(candidates: Sequence[Candidate]) -> str:
    """One sentence on what the comparison found."""
    best, chosen = choose_best(candidates), choose_cheapest(candidates)
    if chosen is not best:
        gap = difference(best, chosen)
        return (
            f"{best.strategy} and {chosen.strategy} are a tie ({_said(gap)} on "
            f"{len(best.is_right)} test pictures), so {chosen.strategy} was taken, "
            "which is cheaper"
        )
    others = [one for one in candidates if one is not chosen]
    near = max(others, key=lambda one: one.accuracy)
    gap = difference(chosen, near)
    found = f"({_said(gap)} on {len(chosen.is_right)} test pictures)"
    if gap.interval[1] < 0:
        is_judged = chosen.validation_loss is not None
        why = "by the validation side" if is_judged else "for want of a validation side"
        return (
            f"{chosen.strategy} was taken {why}, though {near.strategy} is better on the test "
            f"side {found}"
        )
    level = "level with" if gap.is_tie else "better than"
    return f"{chosen.strategy} was taken: it is {level} {near.strategy}, the next {found}"


def unjudged(strategy: str) -> str:
    """The sentence for a strategy that no validation picture can speak for."""
    return (
        f"there is no validation picture to judge {strategy} by, so the head alone is taken; "
        "give more pictures a class, or a validation split"
    )


def transfer_note(candidates: Sequence[Candidate], *, scratch: str) -> tuple[bool, str] | None:
    """What pre-training was worth against `scratch`, and whether it was worth nothing.

    What a few test pictures cannot tell is left open. None where training from scratch was not
    tried, or nothing else was.
    """
    alone = next((one for one in candidates if one.strategy == scratch), None)
    others = [one for one in candidates if one.strategy != scratch]
    if alone is None or not others:
        return None
    best = choose_best(others)
    gap = difference(best, alone)
    said = f"{_said(gap)}, {best.cpu_s:.1f} s of CPU time against {alone.cpu_s:.1f}"
    if gap.interval[0] > 0:
        return False, f"pre-training helps: {best.strategy} against {scratch}: {said}"
    if gap.points > 0 and gap.interval[1] > LEAST_WORTH:
        return False, (
            f"whether pre-training helps cannot be told from {len(alone.is_right)} test pictures: "
            f"{best.strategy} against {scratch}: {said}"
        )
    return True, (
        f"negative transfer: {scratch} is no worse than {best.strategy} ({said}), so what this "
        "backbone has learnt is of no use here; try one that was trained on pictures like these"
    )


def _said(gap: Difference) -> str:
    low, high = gap.interval
    return f"{100 * gap.points:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
