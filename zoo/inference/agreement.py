"""Whether an engine gives the numbers that torch gives on the CPU, picture by picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zoo.inference.engines import Engine, FloatArray, PixelArray
from zoo.space import BFLOAT16, FLOAT32

LEAST_COSINE = 0.9999
"""What engines of one space agree to, and the share by which lengths may differ, less one."""
LEAST_OF: Mapping[str, float] = {FLOAT32: LEAST_COSINE, BFLOAT16: 0.9}
"""The same by a space's precision. Eight bits of mantissa round differently wherever operations
are fused differently: what is told apart there is a wrong network, not a wrong rounding."""


def agreement(engine: Engine, samples: PixelArray, *, expected: FloatArray) -> float:
    """The worst agreement of `(n, height, width, 3)` pixels with the vectors they should give.

    Of a picture, alone and among the others: the cosine, or, where that is worse, one less the
    difference of the lengths.
    """
    batch = engine.embed(samples)
    single = np.concatenate([engine.embed(one[None]) for one in samples])
    return min(worst(batch, expected), worst(single, expected))


def worst(found: FloatArray, expected: FloatArray) -> float:
    """The worst agreement of vectors `(n, dim)` with what they should be, from 0 to 1."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return 0.0
    lengths = np.linalg.norm(found, axis=1), np.linalg.norm(expected, axis=1)
    least = np.finfo(np.float32).tiny
    products = (found.astype(np.float64) * expected).sum(axis=1)
    cosines = products / np.maximum(lengths[0] * lengths[1], least)
    drift = np.abs(lengths[0] - lengths[1]) / np.maximum(lengths[1], least)
    both_zero = (lengths[0] <= least) & (lengths[1] <= least)
    return max(0.0, float(np.where(both_zero, 1.0, np.minimum(cosines, 1 - drift)).min()))


def synthetic(input_size: tuple[int, int]) -> PixelArray:
    """Two pictures for what no photograph shows: noise, and every level from black to white."""
    height, width = input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    levels = np.linspace(0, 255, width, dtype=np.uint8)
    ramp = np.broadcast_to(levels[None, :, None], (height, width, 3))
    return np.stack([noise, ramp])
