"""Whether pictures are unlike those that a backbone was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from zoo.training.heads import Head

FAR = 0.7
"""Median entropy, as a share of the greatest. With EfficientNet-Lite0's native head: 250
photographs of ImageNet 0.13, pieces of five photographs 0.09 to 0.65, CIFAR-10 enlarged 0.64,
histology 0.64, brick, grass and gravel 0.66, cells 0.71, galaxies 0.74, coins 0.76, a printed
page 0.79, handwritten digits 0.85. What lies above is far; not all that is far lies above."""

LEAST_LABELS = 100
"""A classifier of fewer labels is unsure of most pictures of the world."""

BLOCK = 4096


def unfamiliarity(native: Head, features: NDArray[np.float32]) -> float | None:
    """How little a backbone's own classifier recognises, from 0 (sure of all) to 1 (of nothing).

    The median over `features` (n, dim) of the entropy of its answer, by the greatest there is.
    None where it tells too few labels apart, or knows another space.
    """
    if len(native.labels) < LEAST_LABELS or native.matrix.shape[1] != features.shape[1]:
        return None
    blocks = (features[start : start + BLOCK] for start in range(0, len(features), BLOCK))
    entropies = [entr(native.probabilities(block)).sum(axis=1) for block in blocks]
    return float(np.median(np.concatenate(entropies)) / np.log(len(native.labels)))
