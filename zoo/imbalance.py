"""When classes are so unequal that it has to be said, before training and after it."""

from __future__ import annotations

UNEVEN = 5
"""How many times the examples of the smallest class the largest may not have."""


def is_uneven(*, most: int, least: int) -> bool:
    """Whether the largest and the smallest class are."""
    return most >= UNEVEN * least
