"""What turns prepared pixels and texts into embeddings; each engine is a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from zoo.taps import Tap

PixelArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Pending = Callable[[], FloatArray]
"""Waits for a batch that was begun, and gives its embeddings; to be called once."""


class Engine(Protocol):
    """Forwards pictures through one backbone; engines of one space agree to cosine 0.9999."""

    @property
    def name(self) -> str:
        """The engine's name."""
        ...

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)` of pixels uint8 `(n, height, width, 3)`, RGB."""
        ...


@runtime_checkable
class AheadEngine(Engine, Protocol):
    """An engine on a device of its own, which forwards while its caller prepares the next batch.

    Not for two threads at once.
    """

    @property
    def busy_s(self) -> float:
        """Seconds that its device has forwarded so far, of the batches that were waited for."""
        ...

    def begin(self, pictures: Sequence[PixelArray]) -> Pending:
        """Begin to embed pictures uint8 `(height, width, 3)`, RGB, as many as a batch at most."""
        ...


def begin(engine: Engine, pictures: Sequence[PixelArray]) -> Pending:
    """Embed pictures, begun at least; an engine of the caller's own core has it done by then."""
    if isinstance(engine, AheadEngine):
        return engine.begin(pictures)
    vectors = engine.embed(np.stack(pictures))
    return lambda: vectors


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddedTexts:
    """What forwarding texts gave."""

    vectors: FloatArray  # (n, dim)
    tokens: int  # of all of them, special ones included and padding not


class TextEngine(Protocol):
    """Forwards texts through one backbone."""

    @property
    def name(self) -> str:
        """The engine's name."""
        ...

    def embed(self, texts: Sequence[str]) -> EmbeddedTexts:
        """Tokenize and forward texts as one batch."""
        ...


class TapEngine(Protocol):
    """Gives what the layers inside of a backbone see; not for two threads at once."""

    def tap(self, pixels: PixelArray, taps: Sequence[Tap]) -> list[FloatArray]:
        """One float32 array `(n, *tap.given)` for each tap, of one forward of all pictures.

        Raises `InvalidError` (`unknown_layer`) for a layer that gives something else.
        """
        ...
