"""Fixed batches through a device, two at a time: one is forwarded while the next is copied."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch

from zoo.inference.engines import FloatArray, Pending, PixelArray
from zoo.inference.engines.lanes import BatchShape, Forward, Lane

LANES = 2


class BatchEngine:
    """Forwards batches on a device; not for two threads at once.

    With `is_padded` every batch has the same shape, as a compiled network wants it: what is
    missing in the last one is black pictures, whose vectors are cut off.
    """

    def __init__(
        self,
        forward: Forward,
        shape: BatchShape,
        *,
        name: str,
        device: torch.device,
        is_padded: bool,
    ) -> None:
        self.name = name
        self.busy_s = 0.0
        self.forward = forward
        self._shape = shape
        self._is_padded = is_padded
        # Each with its last batch; the one that is used next stands first.
        self._lanes: deque[tuple[Lane, Pending | None]] = deque(
            (Lane(shape, device), None) for _ in range(LANES)
        )

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)`, C-contiguous, of any number of pictures."""
        parts = [np.empty((0, self._shape.dim), np.float32)]
        pending: deque[Pending] = deque()
        for start in range(0, len(pixels), self._shape.batch):
            pending.append(self.begin(list(pixels[start : start + self._shape.batch])))
            if len(pending) == LANES:
                parts.append(pending.popleft()())
        return np.concatenate([*parts, *(flight() for flight in pending)])

    def begin(self, pictures: Sequence[PixelArray]) -> Pending:
        """Begin to embed as many pictures as a batch at most."""
        if len(pictures) > self._shape.batch:
            raise ValueError(f"{len(pictures)} pictures; a batch has {self._shape.batch} at most")
        lane, before = self._lanes[0]
        if before is not None:
            before()  # its memory is about to be written to
        self._lanes[0] = (lane, None)
        rows = lane.fill(pictures, padded=self._is_padded)
        wait = lane.forward(self.forward, rows=rows)
        flight = Flight(lane, len(pictures), wait, self._note)
        self._lanes[0] = (lane, flight)
        self._lanes.rotate(-1)
        return flight

    def _note(self, spent_s: float) -> None:
        self.busy_s += spent_s


class Flight:
    """One batch on its way; called, it waits for the vectors `(n, dim)`."""

    def __init__(
        self, lane: Lane, n: int, wait: Callable[[], float], note: Callable[[float], None]
    ) -> None:
        self._lane = lane
        self._n = n
        self._wait = wait
        self._note = note
        self._vectors: FloatArray | None = None

    def __call__(self) -> FloatArray:
        """The vectors; they stay, whatever its lane is used for next."""
        if self._vectors is None:
            self._note(self._wait())
            self._vectors = self._lane.read(self._n)
        return self._vectors
