"""Labelled examples in the order of their contents, with the sides that they stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoo.errors import InvalidError
from zoo.training.samples import Sample
from zoo.training.splits import SHARES, Side, Splits, make_splits

Places = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Arranged:
    """Examples in the order of their keys, each with what belongs to it."""

    order: Places  # which of those given each of them is
    targets: Places  # (n,) positions in `classes`
    keys: tuple[str, ...]
    samples: tuple[Sample, ...]  # as many, or none
    classes: tuple[str, ...]  # sorted
    splits: Splits

    @property
    def seen(self) -> Places:
        """The places that a head may be fitted to in the end: all but the test side."""
        return np.sort(np.concatenate([self.splits.train, self.splits.validation]))


def arrange(
    labels: Sequence[str],
    *,
    keys: Sequence[str],
    given_splits: Sequence[str | None],
    seed: int,
    samples: Sequence[Sample] = (),
    shares: Mapping[Side, float] = SHARES,
    known: Sequence[bool] = (),
) -> Arranged:
    """Order examples by key and label, and split them.

    `keys` name the contents, or groups of such as are nearly the same, so that they stay on one
    side. What is alike in both keeps the order in which it is given. `known` are those that the
    network was trained on. Raises InvalidError as `make_splits` does.
    """
    # Sums depend on the order of their terms, so the order is made the keys'.
    order = sorted(range(len(labels)), key=lambda place: (keys[place], labels[place]))
    classes = tuple(sorted(set(labels)))
    numbers = {label: number for number, label in enumerate(classes)}
    ordered = tuple(keys[place] for place in order)
    splits = make_splits(
        [labels[place] for place in order],
        given=[given_splits[place] for place in order],
        seed=seed,
        keys=ordered,
        shares=shares,
        known=[known[place] for place in order] if known else (),
    )
    return Arranged(
        order=np.array(order, np.int64),
        targets=np.array([numbers[labels[place]] for place in order], np.int64),
        keys=ordered,
        samples=tuple(samples[place] for place in order) if samples else (),
        classes=classes,
        splits=splits,
    )


def leave_out(arranged: Arranged, lost: Places) -> Arranged:
    """The same with these places on no side; all others stay on theirs, and where they are.

    Raises InvalidError with code "too_few_images" if too little is left to train or to test on.
    """
    sides = (arranged.splits.train, arranged.splits.validation, arranged.splits.test)
    train, validation, test = (np.setdiff1d(side, lost) for side in sides)
    _check_left(arranged, train=train, left=np.concatenate([train, validation, test]))
    if not len(test):
        raise InvalidError("no example is left to test on", code="too_few_images")
    splits = replace(arranged.splits, train=train, validation=validation, test=test)
    return replace(arranged, splits=splits)


def _check_left(arranged: Arranged, *, train: Places, left: Places) -> None:
    """As for new splits: each class has two distinct examples, and one of them to train on."""
    distinct = {(int(arranged.targets[place]), arranged.keys[place]) for place in left}
    n_left = Counter(number for number, _ in distinct)
    trained = set(arranged.targets[train].tolist())
    for number, label in enumerate(arranged.classes):
        if n_left[number] < 2:
            what = f"{n_left[number]} distinct examples, and needs at least 2"
        elif number not in trained:
            what = "nothing to train on"
        else:
            continue
        raise InvalidError(f"class {label!r} is left with {what}", code="too_few_images")
