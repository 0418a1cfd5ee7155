"""What the reader of a result should know before trusting it, each with what to do about it.

Pure functions of facts: each gives a sentence, or None where there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from zoo.imbalance import is_uneven
from zoo.training.calibration import Calibration
from zoo.training.domain import FAR
from zoo.training.evaluation import Evaluation
from zoo.training.head_only import ClassCounts, HeadOnlyResult
from zoo.training.intervals import Z_95, difference_interval
from zoo.training.slices import WorstSlice
from zoo.training.suspects import Suspect

GAP = 0.1
TOO_SURE = 1.5
WIDE = 0.2
LEAST_SUSPECTS = 3
SHOWN = 10

LEAST_IMAGES: Mapping[str, int] = {"last_blocks": 30, "gradual": 100, "full": 100, "scratch": 1000}
"""A class, for a strategy to have a chance against the head alone."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many right of so many."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """Right by all."""
        return self.right / self.n


def overfitting(seen: Share, held_out: Share, *, temperature: float) -> str | None:
    """It knows by heart what it was trained on, and is far too sure of the rest.

    A linear head on many features gets nearly all training images right, however well it is
    regularised, so a gap alone says little. On 600 cats and dogs an l2 chosen on the validation
    side leaves a temperature from 0.7 to 1.4; one of 0.0001 needs 4.6 to 5.3.
    """
    low, _ = difference_interval(seen.right, seen.n, held_out.right, held_out.n)
    if low < GAP or temperature < TOO_SURE:
        return None
    return (
        f"overfitting: {seen.share:.2f} of the examples that it was trained on are right and "
        f"{held_out.share:.2f} of those held out, and it was {temperature:.1f} times too sure; "
        "give more examples, leave l2 to the validation split, or choose a weaker strategy"
    )


def too_little_for(strategy: str, examples: Sequence[ClassCounts]) -> str | None:
    """A strategy with many parameters has few images a class to fit them to."""
    least, mean = LEAST_IMAGES.get(strategy, 0), sum(one.seen for one in examples) / len(examples)
    if mean >= least:
        return None
    return (
        f"{mean:.0f} examples a class are little for {strategy!r}, which wants about {least}; "
        "more of them would help; the head alone was tried as well"
    )


def imbalance(examples: Sequence[ClassCounts], evaluation: Evaluation) -> str | None:
    """One label has many times the images of another."""
    most = max(examples, key=lambda one: one.seen)
    least = min(examples, key=lambda one: one.seen)
    if not is_uneven(most=most.seen, least=least.seen):
        return None
    return (
        f"unbalanced: {most.label!r} has {most.seen} examples to train on and {least.label!r} "
        f"{least.seen}; read the balanced accuracy ({evaluation.balanced_accuracy:.2f}) rather "
        f"than the accuracy ({evaluation.accuracy:.2f}), and give more examples of the rare labels"
    )


def wide_interval(evaluation: Evaluation) -> str | None:
    """Too few test images to say much."""
    low, high = evaluation.accuracy_interval
    if high - low <= WIDE:
        return None
    share = min(max(evaluation.accuracy, 0.5), 0.9)  # near 1 it promises too much
    enough = ceil(share * (1 - share) * (2 * Z_95 / WIDE) ** 2 / 10) * 10
    return (
        f"with {evaluation.n_test} test examples the accuracy may be anything from {low:.2f} to "
        f"{high:.2f}; about {enough} would tell it to within {WIDE / 2:.1f}"
    )


def no_better_than_guessing(evaluation: Evaluation) -> str | None:
    """It may have learnt nothing."""
    low, baseline = evaluation.accuracy_interval[0], evaluation.baseline
    if low > baseline.accuracy:
        return None
    return (
        f"an accuracy of {evaluation.accuracy:.2f} is not surely better than always answering "
        f"{baseline.label!r} ({baseline.accuracy:.2f}); give more examples, check the labels, or "
        "try another model"
    )


def weak_slice(worst: WorstSlice | None) -> str | None:
    """Some kind of image comes off worse."""
    if worst is None:
        return None
    found = worst.slice
    return (
        f"where {found.field!r} is {found.value!r} accuracy is {found.accuracy:.2f} ({found.n} "
        f"examples), elsewhere {worst.rest_accuracy:.2f}; give more such examples, or do not "
        "rely on it there"
    )


def wrong_labels(suspects: Sequence[Suspect]) -> str | None:
    """Some examples may have a wrong label."""
    if len(suspects) < LEAST_SUSPECTS:
        return None
    shown = ", ".join(f"{one.item_id} ({one.suggested!r}?)" for one in suspects[:SHOWN])
    more = "" if len(suspects) <= SHOWN else f" and {len(suspects) - SHOWN} more in the report"
    return f"{len(suspects)} examples may have a wrong label: {shown}{more}; look at them"


def far_domain(
    unfamiliarity: float | None, *, backbone: str, strategies: Sequence[str]
) -> str | None:
    """The backbone's own classifier recognises next to nothing."""
    if unfamiliarity is None or unfamiliarity < FAR:
        return None
    advice = (
        "compare strategies that train the backbone too, or choose one that was trained on such "
        "ones"
        if set(strategies) <= {"head_only"}
        else "a backbone that was trained on such ones may do better"
    )
    return (
        f"the examples are unlike those that {backbone} was trained on, as its own classifier "
        f"recognises next to nothing; {advice}"
    )


def uncalibrated(calibration: Calibration) -> str | None:
    """No temperature could be fitted."""
    if calibration.method != "none":
        return None
    return f"its probabilities are not calibrated: {calibration.reason}; give more of them"


def said(*sentences: str | None) -> list[str]:
    """Those that there are."""
    return [sentence for sentence in sentences if sentence is not None]


def of_evaluation(
    evaluation: Evaluation, *, calibration: Calibration, examples: Sequence[ClassCounts]
) -> list[str]:
    """What is to say of any classifier's evaluation, however it was trained."""
    return said(
        no_better_than_guessing(evaluation),
        wide_interval(evaluation),
        weak_slice(evaluation.worst_slice),
        imbalance(examples, evaluation),
        uncalibrated(calibration),
    )


def of_head(
    fitted: HeadOnlyResult,
    *,
    unfamiliarity: float | None,
    backbone: str,
    strategies: Sequence[str],
) -> list[str]:
    """What is to say of a head and of the `strategies` that were tried for it."""
    seen = sum(one.seen for one in fitted.classes)
    return [
        *said(
            *(too_little_for(strategy, fitted.classes) for strategy in strategies),
            wrong_labels(fitted.suspects),
            far_domain(unfamiliarity, backbone=backbone, strategies=strategies),
            overfitting(
                Share(right=round(fitted.train_accuracy * seen), n=seen),
                Share(right=fitted.evaluation.n_right, n=fitted.evaluation.n_test),
                temperature=fitted.calibration.temperature,
            ),
        ),
        *of_evaluation(fitted.evaluation, calibration=fitted.calibration, examples=fitted.classes),
    ]
