"""Results that take long to find: who asks for them may keep them, and find none twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.number]]


class Once(Protocol):
    """Gives a result by its name, found now or before; may stop by raising whatever it likes."""

    def __call__(self, name: str, find: Callable[[], Arrays], /) -> Arrays:
        """What `find` gives, to the bit."""
        ...


def anew(_name: str, find: Callable[[], Arrays], /) -> Arrays:
    """Keeps nothing."""
    return find()
