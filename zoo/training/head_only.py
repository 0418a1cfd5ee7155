"""Head-only fine-tuning on cached features, from labelled vectors to a judged head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.errors import InvalidError
from zoo.training.calibration import Calibration, fit_temperature
from zoo.training.evaluation import Evaluation, evaluate
from zoo.training.fitting import choose_l2, fit_head
from zoo.training.folds import hold_out
from zoo.training.heads import Head
from zoo.training.samples import Sample
from zoo.training.splits import Splits, make_splits


@dataclass(frozen=True, kw_only=True)
class SplitSizes:
    """How many items stood on each side."""

    train: int
    validation: int
    test: int
    moved: int  # given for a side but counted on a stricter one, where their content also was


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """How many items of a label stood on each side."""

    label: str
    train: int
    validation: int
    test: int

    @property
    def seen(self) -> int:
        """How many a head is fitted to in the end."""
        return self.train + self.validation


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadOnlyResult:
    """A fitted head and what is known of it."""

    head: Head  # calibrated: its probabilities can be believed as they are
    calibration: Calibration
    evaluation: Evaluation  # on the test side, which nothing was fitted to or chosen by
    l2: float
    train_accuracy: float  # on train and validation, which the head was fitted to
    sizes: SplitSizes
    classes: tuple[ClassCounts, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Labelled:
    """Examples in the order of their keys, each with what belongs to it."""

    features: NDArray[np.float32]  # (n, dim)
    targets: NDArray[np.int64]  # (n,)
    keys: Sequence[str]
    samples: Sequence[Sample]  # as many, or none
    classes: tuple[str, ...]


def fit_and_evaluate(
    features: NDArray[np.float32],
    labels: Sequence[str],
    *,
    keys: Sequence[str],
    given_splits: Sequence[str | None],
    seed: int,
    l2: float | None = None,
    samples: Sequence[Sample] = (),
) -> HeadOnlyResult:
    """Split, choose `l2` on the validation side unless it is given, refit with it, judge on test.

    `features` (n, dim) raw embeddings, one for each of `labels`; `keys` name the contents, so
    that identical images stay on one side; `samples` name the items in the report. The same
    items in any order give the same head. The labels of the head are sorted.

    The head is fitted to train and validation in the end, so that nothing of the validation
    side could calibrate it. Its temperature comes from cross-validation over both (see
    `hold_out`), and is folded into it.

    Raises InvalidError as `make_splits` does, and for an `l2` that is not positive.
    """
    if l2 is not None and not 0 < l2 < np.inf:
        raise InvalidError(f"l2 must be a positive number, not {l2}", field="l2")
    # Sums depend on the order of their terms, so the order is made the keys'.
    order = sorted(range(len(labels)), key=lambda place: (keys[place], labels[place]))
    classes = tuple(sorted(set(labels)))
    numbers = {label: number for number, label in enumerate(classes)}
    examples = _Labelled(
        features=features[order],
        targets=np.array([numbers[labels[place]] for place in order], np.int64),
        keys=[keys[place] for place in order],
        samples=[samples[place] for place in order] if samples else (),
        classes=classes,
    )
    splits = make_splits(
        [labels[place] for place in order],
        given=[given_splits[place] for place in order],
        seed=seed,
        keys=examples.keys,
    )
    return _fitted(examples, splits, seed=seed, l2=l2)


def _fitted(examples: _Labelled, splits: Splits, *, seed: int, l2: float | None) -> HeadOnlyResult:
    features, targets = examples.features, examples.targets
    strength = l2 or choose_l2(
        features[splits.train],
        targets[splits.train],
        features[splits.validation],
        targets[splits.validation],
        n_classes=len(examples.classes),
    )
    seen = np.sort(np.concatenate([splits.train, splits.validation]))
    calibration = _calibrated(examples, seen, seed=seed, l2=strength)
    fitted = fit_head(features[seen], targets[seen], labels=examples.classes, l2=strength)
    head = fitted.tempered(calibration.temperature)
    predicted = head.logits(features[seen]).argmax(axis=1)
    return HeadOnlyResult(
        head=head,
        calibration=calibration,
        evaluation=_judged(examples, splits, seen, head=head, calibration=calibration),
        l2=strength,
        train_accuracy=float((predicted == targets[seen]).mean()),
        sizes=SplitSizes(
            train=len(splits.train),
            validation=len(splits.validation),
            test=len(splits.test),
            moved=splits.moved,
        ),
        classes=_counted(examples, splits),
    )


def _calibrated(
    examples: _Labelled, seen: NDArray[np.int64], *, seed: int, l2: float
) -> Calibration:
    held_out = hold_out(
        examples.features[seen],
        examples.targets[seen],
        keys=[examples.keys[place] for place in seen],
        labels=examples.classes,
        l2=l2,
        seed=seed,
    )
    targets = examples.targets[seen][held_out.places]
    return fit_temperature(held_out.logits, targets, method="cross_validation")


def _judged(
    examples: _Labelled,
    splits: Splits,
    seen: NDArray[np.int64],
    *,
    head: Head,
    calibration: Calibration,
) -> Evaluation:
    return evaluate(
        head.logits(examples.features[splits.test]),
        examples.targets[splits.test],
        labels=examples.classes,
        temperature=calibration.temperature,
        most_common=int(np.bincount(examples.targets[seen]).argmax()),
        samples=[examples.samples[place] for place in splits.test] if examples.samples else (),
    )


def _counted(examples: _Labelled, splits: Splits) -> tuple[ClassCounts, ...]:
    sides = [splits.train, splits.validation, splits.test]
    n = len(examples.classes)
    counts = [np.bincount(examples.targets[side], minlength=n).tolist() for side in sides]
    return tuple(
        ClassCounts(label=label, train=train, validation=validation, test=test)
        for label, train, validation, test in zip(examples.classes, *counts, strict=True)
    )
