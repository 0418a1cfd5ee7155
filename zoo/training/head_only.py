"""Head-only fine-tuning on cached features, from labelled vectors to a judged head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.errors import InvalidError
from zoo.training.evaluation import Evaluation, evaluate
from zoo.training.fitting import choose_l2, fit_head
from zoo.training.heads import Head
from zoo.training.splits import Splits, make_splits


@dataclass(frozen=True, kw_only=True)
class SplitSizes:
    """How many items stood on each side."""

    train: int
    validation: int
    test: int
    moved: int  # given for a side but counted on a stricter one, where their content also was


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadOnlyResult:
    """A fitted head and what is known of it."""

    head: Head
    evaluation: Evaluation  # on the test side, which nothing was fitted to or chosen by
    l2: float
    train_accuracy: float  # on train and validation, which the head was fitted to
    sizes: SplitSizes


def fit_and_evaluate(
    features: NDArray[np.float32],
    labels: Sequence[str],
    *,
    keys: Sequence[str],
    given_splits: Sequence[str | None],
    seed: int,
    l2: float | None = None,
) -> HeadOnlyResult:
    """Split, choose `l2` on the validation side unless it is given, refit with it, judge on test.

    `features` (n, dim) raw embeddings, one for each of `labels`; `keys` name the contents, so
    that identical images stay on one side. The same items in any order give the same head. The
    labels of the head are sorted. Raises InvalidError as `make_splits` does, and for an `l2`
    that is not positive.
    """
    if l2 is not None and not 0 < l2 < np.inf:
        raise InvalidError(f"l2 must be a positive number, not {l2}", field="l2")
    # Sums depend on the order of their terms, so the order is made the keys'.
    order = sorted(range(len(labels)), key=lambda place: (keys[place], labels[place]))
    names = [labels[place] for place in order]
    splits = make_splits(
        names,
        given=[given_splits[place] for place in order],
        seed=seed,
        keys=[keys[place] for place in order],
    )
    return _fitted(features[order], names, splits, l2=l2)


def _fitted(
    features: NDArray[np.float32], labels: Sequence[str], splits: Splits, *, l2: float | None
) -> HeadOnlyResult:
    classes = sorted(set(labels))
    numbers = {label: number for number, label in enumerate(classes)}
    targets = np.array([numbers[label] for label in labels], np.int64)
    train, validation, test = splits.train, splits.validation, splits.test
    strength = l2 or choose_l2(
        features[train],
        targets[train],
        features[validation],
        targets[validation],
        n_classes=len(classes),
    )
    seen = np.sort(np.concatenate([train, validation]))
    head = fit_head(features[seen], targets[seen], labels=classes, l2=strength)
    fitted = head.probabilities(features[seen]).argmax(axis=1)
    return HeadOnlyResult(
        head=head,
        evaluation=evaluate(head.probabilities(features[test]), targets[test], labels=classes),
        l2=strength,
        train_accuracy=float((fitted == targets[seen]).mean()),
        sizes=SplitSizes(
            train=len(train), validation=len(validation), test=len(test), moved=splits.moved
        ),
    )
