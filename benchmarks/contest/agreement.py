"""How far embeddings are from those of a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Two sets of vectors of the same pictures."""

    least_cosine: float
    same_neighbours: float  # the share of pictures whose nearest other picture is the same


def compare(found: FloatArray, reference: FloatArray) -> Agreement:
    """Vectors float32 `(n, dim)` against those that they should be, in the same order.

    A neighbour that the reference itself holds to be as near, to 1e-6, counts as the same.
    """
    if found.shape != reference.shape or not np.isfinite(found).all():
        return Agreement(least_cosine=float("nan"), same_neighbours=0.0)
    ours, theirs = normalised(found), normalised(reference)
    cosines = (ours * theirs).sum(axis=1)
    similarity = theirs @ theirs.T
    np.fill_diagonal(similarity, -np.inf)
    rows = np.arange(len(found))
    reached = similarity[rows, nearest(ours)]
    same = reached >= similarity.max(axis=1) - 1e-6
    return Agreement(least_cosine=float(cosines.min()), same_neighbours=float(same.mean()))


def nearest(vectors: NDArray[np.float64]) -> NDArray[np.intp]:
    """The most similar other row of each row, of unit vectors."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    found: NDArray[np.intp] = similarity.argmax(axis=1)
    return found


def normalised(vectors: FloatArray) -> NDArray[np.float64]:
    """Unit vectors."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    units: NDArray[np.float64] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return units
