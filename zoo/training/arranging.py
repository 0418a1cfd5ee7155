"""Labelled examples in the order of their contents, with the sides that they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
) -> Arranged:
    """Order examples by key and label, and split them.

    `keys` name the contents, or groups of such as are nearly the same, so that they stay on one
    side. What is alike in both keeps the order in which it is given. Raises InvalidError as
    `make_splits` does.
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
    )
    return Arranged(
        order=np.array(order, np.int64),
        targets=np.array([numbers[labels[place]] for place in order], np.int64),
        keys=ordered,
        samples=tuple(samples[place] for place in order) if samples else (),
        classes=classes,
        splits=splits,
    )
