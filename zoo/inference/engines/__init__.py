"""What turns prepared pixels into embeddings; each engine is a module of its own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


class Engine(Protocol):
    """Forwards pictures through one backbone; engines of one space agree to cosine 0.9999."""

    @property
    def name(self) -> str:
        """The engine's name."""
        ...

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)` of pixels uint8 `(n, height, width, 3)`, RGB."""
        ...
