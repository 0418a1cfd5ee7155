"""Exact scores of vectors, and when FAISS's float32 ranking can be trusted to hold the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoo.search.flat import FloatArray, Metric

FLOAT32_ROUNDING = 2.0**-24  # the relative error of one float32 operation
FLOAT32_VANISHING = 2.0**-126  # its absolute error where the result is too small to be held
FLOAT32_MOST = float(np.finfo(np.float32).max)
BLOCK = 128  # rows worked on at a time, so that the float64 copies stay in the cache


def normalised(vectors: FloatArray) -> FloatArray:
    """Each row of `vectors` (n, dim) at length 1; zero rows stay zero."""
    scaled = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), BLOCK):
        scaled[start : start + BLOCK] = _normalised_block(vectors[start : start + BLOCK])
    return scaled


def _normalised_block(block: FloatArray) -> NDArray[np.float64]:
    # In float64, where the square of no float32 overflows or vanishes.
    wide = block.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = np.zeros_like(wide)
    np.divide(wide, lengths, out=scaled, where=lengths > 0)
    return scaled


def exact_scores(query: FloatArray, vectors: FloatArray, *, metric: Metric) -> NDArray[np.float64]:
    """The score of each of `vectors` (n, dim) for `query` (dim,), in float64; higher is better.

    Sums go along each row by itself, never through BLAS: equal vectors get equal scores.
    """
    blocks = (vectors[start : start + BLOCK] for start in range(0, len(vectors), BLOCK))
    scores = [_block_scores(query, block, metric) for block in blocks]
    return np.concatenate(scores) if scores else np.empty(0)


def _block_scores(query: FloatArray, block: FloatArray, metric: Metric) -> NDArray[np.float64]:
    wide, target = block.astype(np.float64), query.astype(np.float64)
    if metric == "l2":
        squares: NDArray[np.float64] = np.square(wide - target).sum(axis=1)
        return 0.0 - np.sqrt(squares)  # not -0.0, which JSON would show
    products: NDArray[np.float64] = (wide * target).sum(axis=1)
    if metric == "ip":
        return products
    # sqrt(s * s) is s itself, so that a vector's cosine to itself is exactly 1.
    lengths = np.sqrt(np.square(wide).sum(axis=1) * np.square(target).sum())
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return np.asarray(np.clip(cosines, -1.0, 1.0))


def is_settled(
    found: FloatArray, query: FloatArray, *, k: int, metric: Metric, scale: float
) -> bool:
    """Whether no row beyond `found` can belong to the k best, ties included.

    `found` are FAISS's scores, best first (l2: squared distances, rising). A float32 sum of
    dim products is off by at most dim roundings of its terms' size (Higham 2002, section 3.1),
    for the last row found and for the k-th alike. FAISS leaves out rows whose scores float32
    cannot hold: under l2 they are the farthest, of inner products any.
    """
    edge, last = float(found[k - 1]), float(found[-1])
    rounding = 2 * (query.size + 2) * FLOAT32_ROUNDING
    vanished = 2 * (query.size + 2) * FLOAT32_VANISHING
    if metric == "l2":
        return last > edge + rounding * (edge + last) + vanished
    longest = scale * float(np.linalg.norm(query.astype(np.float64)))
    return longest < FLOAT32_MOST / 2 and last < edge - rounding * longest - vanished
