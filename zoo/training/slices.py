"""Whether some kinds of images, told by their metadata, come off worse than the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.training.intervals import LEVEL, Interval, difference_interval, wilson_interval
from zoo.training.samples import Sample

MOST_VALUES = 20
"""A field of more is a number or a name of its own for each image, and says nothing of kinds."""

LEAST_IMAGES = 10
"""A smaller slice is shown but never called the worst."""

Value: TypeAlias = str | bool | int
Right = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The test images of which a field of the metadata has one value."""

    field: str
    value: Value
    n: int
    n_right: int
    accuracy: float
    accuracy_interval: Interval  # 95 %

    def to_json(self) -> dict[str, object]:
        """As reports show it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class WorstSlice:
    """The slice that is furthest below all other test images, beyond what chance explains."""

    slice: Slice
    rest_accuracy: float
    difference_interval: Interval  # of its accuracy less the rest's, at a level for all slices

    def to_json(self) -> dict[str, object]:
        """As reports show it."""
        return {
            "field": self.slice.field,
            "value": self.slice.value,
            "n": self.slice.n,
            "accuracy": self.slice.accuracy,
            "rest_accuracy": self.rest_accuracy,
            "difference_interval": self.difference_interval,
        }


def judge_slices(samples: Sequence[Sample], right: Right) -> tuple[Slice, ...]:
    """Accuracy for each value of each field that has from 2 to `MOST_VALUES` of them.

    `right` (n,) says for each of `samples` whether its prediction was. Texts, truth values and
    whole numbers count as values; ordered by field, then the least accurate first.
    """
    return tuple(
        made
        for field, places in sorted(_places_by_field(samples).items())
        if 2 <= len(places) <= MOST_VALUES
        for made in sorted(
            (_slice(field, value, right[found]) for (_, value), found in places.items()),
            key=lambda made: (made.accuracy, str(made.value)),
        )
    )


def find_worst(slices: Sequence[Slice], *, n: int, n_right: int) -> WorstSlice | None:
    """The worst of `slices` against the other of all `n` images; None if it may be luck.

    Where many are compared one will look bad by chance. So each is compared at the level that
    keeps the chance of any false alarm to 5 % (Bonferroni), by Newcombe's interval.
    """
    compared = [one for one in slices if LEAST_IMAGES <= one.n <= n - LEAST_IMAGES]
    level = 1 - (1 - LEVEL) / max(1, len(compared))
    found = [_against_rest(one, n=n, n_right=n_right, level=level) for one in compared]
    low = [one for one in found if one.difference_interval[1] < 0]
    return min(low, key=lambda one: one.difference_interval[1], default=None)


def _against_rest(one: Slice, *, n: int, n_right: int, level: float) -> WorstSlice:
    rest_right, rest = n_right - one.n_right, n - one.n
    return WorstSlice(
        slice=one,
        rest_accuracy=rest_right / rest,
        difference_interval=difference_interval(one.n_right, one.n, rest_right, rest, level=level),
    )


def _places_by_field(
    samples: Sequence[Sample],
) -> Mapping[str, Mapping[tuple[type, Value], list[int]]]:
    """Where each value of each field stands; true is not 1."""
    found: dict[str, dict[tuple[type, Value], list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, sample in enumerate(samples):
        for field, value in sample.metadata.items():
            if isinstance(value, str | bool | int):
                found[field][type(value), value].append(place)
    return found


def _slice(field: str, value: Value, right: Right) -> Slice:
    n, n_right = len(right), int(right.sum())
    return Slice(
        field=field,
        value=value,
        n=n,
        n_right=n_right,
        accuracy=n_right / n,
        accuracy_interval=wilson_interval(n_right, n),
    )
