"""The mistakes that a classifier was surest of: where to look first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.training.samples import Sample, surest_first

MOST = 20


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A test image that was given another label than it has."""

    item_id: str
    name: str
    label: str
    label_probability: float
    predicted: str
    probability: float  # of the predicted label

    def to_json(self) -> dict[str, str | float]:
        """As reports show it."""
        return asdict(self)


def find_mistakes(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    *,
    labels: Sequence[str],
    samples: Sequence[Sample],
) -> tuple[Mistake, ...]:
    """The `MOST` mistakes of the highest confidence, the surest first; ties by item id."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != targets).tolist()
    places = surest_first(wrong, probabilities, samples)
    return tuple(
        Mistake(
            item_id=samples[place].item_id,
            name=samples[place].name,
            label=labels[targets[place]],
            label_probability=float(probabilities[place, targets[place]]),
            predicted=labels[predicted[place]],
            probability=float(probabilities[place, predicted[place]]),
        )
        for place in places[:MOST]
    )
