"""How good a classifier is on images it has never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from zoo.errors import InvalidError
from zoo.training.by_class import (
    ClassFigures,
    ConfusionMatrix,
    as_matrix,
    balanced_accuracy,
    count_confusions,
    judge_classes,
    macro_f1,
)
from zoo.training.calibration import (
    ReliabilityBin,
    expected_by_chance,
    expected_calibration_error,
    reliability,
)
from zoo.training.intervals import Interval, wilson_interval
from zoo.training.mistakes import Mistake, find_mistakes
from zoo.training.samples import Sample
from zoo.training.slices import Slice, WorstSlice, find_worst, judge_slices

TOP_K = (3, 5)

Numbers = NDArray[np.float64]
Targets = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What always answering one label would have got right."""

    label: str
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one evaluation on held-out images; all intervals are 95 %."""

    accuracy: float
    accuracy_interval: Interval  # for images drawn like the test images
    balanced_accuracy: float
    macro_f1: float
    log_loss: float  # mean, in nats
    ece: float  # with the temperature
    ece_before: float  # without it
    ece_by_chance: float  # what confidences that keep their word would show on as many images
    n_test: int
    n_right: int
    top_k: Mapping[int, float]  # share of images with their label among the k most probable
    baseline: Baseline
    classes: tuple[ClassFigures, ...]
    confusion_matrix: ConfusionMatrix
    reliability: tuple[ReliabilityBin, ...]
    slices: tuple[Slice, ...]
    worst_slice: WorstSlice | None
    mistakes: tuple[Mistake, ...]  # the surest first

    def metrics_json(self) -> dict[str, float | int | list[float]]:
        """The figures that are one number each, as jobs and model versions show them."""
        return {
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "ece": self.ece,
            "n_test": self.n_test,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss,
            "baseline_accuracy": self.baseline.accuracy,
            **{f"top_{k}_accuracy": share for k, share in self.top_k.items()},
        }

    def calibration_json(self) -> dict[str, object]:
        """How far confidence keeps its word, as a version's report holds it."""
        return {
            "ece": self.ece,
            "ece_before": self.ece_before,
            "ece_by_chance": self.ece_by_chance,
            "bins": [asdict(one) for one in self.reliability],
        }

    def to_json(self) -> dict[str, object]:
        """Everything else, as a version's report holds it."""
        return {
            "metrics": self.metrics_json(),
            "baseline": asdict(self.baseline),
            "classes": [one.to_json() for one in self.classes],
            "confusion_matrix": self.confusion_matrix.to_json(),
            "slices": [one.to_json() for one in self.slices],
            "worst_slice": self.worst_slice and self.worst_slice.to_json(),
            "mistakes": [one.to_json() for one in self.mistakes],
        }


def evaluate(
    logits: Numbers,
    targets: Targets,
    *,
    labels: Sequence[str],
    temperature: float = 1.0,
    most_common: int | None = None,
    samples: Sequence[Sample] = (),
) -> Evaluation:
    """Judge `logits` (n, classes) against `targets` (n,), positions in `labels`.

    The logits are those that will be answered with: divided by `temperature` already, which
    stands here only to tell what it changed. `most_common` is the position of the label that
    most training images have, by default of the test images. `samples` (n) name the images;
    without them there are no slices and no mistakes are listed.

    InvalidError with code "too_few_images" if there is nothing to judge by.
    """
    if not len(targets):
        raise InvalidError("there is no test image to evaluate on", code="too_few_images")
    logs = log_softmax(logits, axis=1)
    probabilities = np.exp(logs)
    confidences = probabilities.max(axis=1)
    predicted = probabilities.argmax(axis=1)
    right = predicted == targets
    n, n_right = len(targets), int(right.sum())
    counts = count_confusions(targets, predicted, labels=labels)
    classes = judge_classes(counts, labels=labels)
    slices = judge_slices(samples, right)
    return Evaluation(
        accuracy=n_right / n,
        accuracy_interval=wilson_interval(n_right, n),
        balanced_accuracy=balanced_accuracy(classes),
        macro_f1=macro_f1(classes),
        log_loss=-float(logs[np.arange(n), targets].mean()),
        ece=expected_calibration_error(confidences, right),
        ece_before=expected_calibration_error(_confidences(logits * temperature), right),
        ece_by_chance=expected_by_chance(confidences),
        n_test=n,
        n_right=n_right,
        top_k=_top_k(probabilities, targets),
        baseline=_baseline(counts, labels, most_common),
        classes=classes,
        confusion_matrix=as_matrix(counts, labels=labels),
        reliability=reliability(confidences, right),
        slices=slices,
        worst_slice=find_worst(slices, n=n, n_right=n_right),
        mistakes=find_mistakes(probabilities, targets, labels=labels, samples=samples)
        if samples
        else (),
    )


def _confidences(logits: Numbers) -> Numbers:
    return np.asarray(np.exp(log_softmax(logits, axis=1)).max(axis=1), np.float64)


def _top_k(probabilities: Numbers, targets: Targets) -> dict[int, float]:
    """For each k below the number of classes, as all classes hold every label."""
    n, n_classes = probabilities.shape
    own = probabilities[np.arange(n), targets]
    # Ties count against the image: k labels of one probability are no answer.
    ranks = (probabilities >= own[:, np.newaxis]).sum(axis=1)
    return {k: float((ranks <= k).mean()) for k in TOP_K if k < n_classes}


def _baseline(counts: Targets, labels: Sequence[str], most_common: int | None) -> Baseline:
    support = counts.sum(axis=1)
    chosen = int(support.argmax()) if most_common is None else most_common
    return Baseline(label=labels[chosen], accuracy=float(support[chosen] / support.sum()))
