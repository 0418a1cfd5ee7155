"""Which contents a network was trained on, kept small enough to stay with it for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

DIGITS = 16
"""Of a sha256 in hex: 64 bits, by which no two of a million contents are confused."""
NUMBER = "<u8"


def pack_contents(sha256s: Iterable[str]) -> bytes:
    """Contents (sha256, hex) as eight bytes each, whatever their order."""
    return np.unique(_numbers(list(sha256s))).astype(NUMBER).tobytes()


def are_packed(sha256s: Sequence[str], packed: bytes) -> NDArray[np.bool_]:
    """For each content whether it is among the packed ones."""
    return np.isin(_numbers(sha256s), np.frombuffer(packed, NUMBER))


def _numbers(sha256s: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(one[:DIGITS], 16) for one in sha256s], np.uint64)
