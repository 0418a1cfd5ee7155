"""How far training has moved a network from what it was: what it may have forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

K = 10
MOST = 2000
"""Pictures that are compared: each with all others."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The embeddings of the same pictures by a network before and after it was trained."""

    mean_cosine: float  # 1: nothing has moved
    neighbours_kept: float  # share of each picture's nearest others that still are
    k: int  # how many others
    n: int  # pictures

    def to_json(self) -> dict[str, float | int]:
        """As reports show it."""
        return {
            "mean_cosine": self.mean_cosine,
            "neighbours_kept": self.neighbours_kept,
            "k": self.k,
            "n": self.n,
        }


def measure_drift(before: Vectors, after: Vectors) -> Drift | None:
    """Of embeddings `(n, dim)` of pictures that were not trained on; None of fewer than three."""
    n = min(len(before), MOST)
    if n < 3:
        return None
    old, new = _unit(before[:n]), _unit(after[:n])
    k = min(K, n - 1)
    kept = [
        len(np.intersect1d(first, second)) / k
        for first, second in zip(_nearest(old, k), _nearest(new, k), strict=True)
    ]
    cosines = (old * new).sum(axis=1)
    return Drift(mean_cosine=float(cosines.mean()), neighbours_kept=float(np.mean(kept)), k=k, n=n)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def _nearest(vectors: Vectors, k: int) -> NDArray[np.int64]:
    """The places of each one's `k` nearest others, `(n, k)`."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.asarray(np.argpartition(-scores, k - 1, axis=1)[:, :k], np.int64)
