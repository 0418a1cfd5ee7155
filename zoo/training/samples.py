"""What a report knows of an example besides its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How an example is named, and what its owner says of it."""

    item_id: str
    name: str
    metadata: Mapping[str, object] = field(default_factory=dict)  # JSON values


def surest_first(
    places: Iterable[int], probabilities: NDArray[np.float64], samples: Sequence[Sample]
) -> list[int]:
    """Places by the highest of their `probabilities` (n, classes); ties by item id."""
    return sorted(places, key=lambda one: (-probabilities[one].max(), samples[one].item_id))
