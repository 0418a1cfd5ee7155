"""Intervals of shares, so that a figure of a few images is not taken for more than it is."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

LEVEL = 0.95
Z_95 = NormalDist().inv_cdf((1 + LEVEL) / 2)

Interval = tuple[float, float]


def wilson_interval(n_right: float, n: float, *, level: float = LEVEL) -> Interval:
    """The score interval of a proportion, 95 % unless told; all of [0, 1] if `n` is 0.

    Wilson, Probable inference, the law of succession, and statistical inference, Journal of the
    American Statistical Association 22, 1927. Unlike the normal interval it stays within [0, 1]
    and keeps its coverage for small n and shares near 0 or 1.
    """
    if not n:
        return 0.0, 1.0
    share, square = n_right / n, _z(level) ** 2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = sqrt(square) / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    # At 0 and n the bound is the share itself, but for the last bit.
    low = 0.0 if n_right == 0 else max(0.0, centre - half)
    return low, 1.0 if n_right == n else min(1.0, centre + half)


def difference_interval(
    n_right: int, n: int, other_right: int, other_n: int, *, level: float = LEVEL
) -> Interval:
    """The interval of one proportion less another of other images, both of n >= 1.

    Newcombe, Interval estimation for the difference between independent proportions, Statistics
    in Medicine 17, 1998, method 10: Wilson's intervals of the two, put together.
    """
    share, other = n_right / n, other_right / other_n
    low, high = wilson_interval(n_right, n, level=level)
    other_low, other_high = wilson_interval(other_right, other_n, level=level)
    below = sqrt((share - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - share) ** 2 + (other - other_low) ** 2)
    return share - other - below, share - other + above


def f1_interval(n_both: int, n_either: int) -> Interval:
    """The 95 % interval of F1, from the images with the label or the prediction or both.

    F1 = 2 j / (1 + j) rises with j = n_both / n_either, which is a proportion of images.
    """
    low, high = wilson_interval(n_both, n_either)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
