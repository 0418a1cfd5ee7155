"""Room for batches on their way to a device and back, so that copying and forwarding overlap."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.inference.engines import FloatArray, PixelArray

Forward = Callable[[Tensor], Tensor]
"""Pixels uint8 `(n, height, width, 3)` to embeddings float32 `(n, dim)`, on the device."""


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """What a batch takes."""

    batch: int  # pictures at most
    input_size: tuple[int, int]  # height, width
    dim: int


class Lane:
    """Memory for one batch: pinned on the host, on the device, and pinned for what comes back.

    On the CPU all of it is one and the same, and a batch has been forwarded when it was begun.
    """

    def __init__(self, shape: BatchShape, device: torch.device) -> None:
        self._device = device
        self._is_cuda = device.type == "cuda"
        height, width = shape.input_size
        pixels = (shape.batch, height, width, 3)
        self._host = torch.zeros(pixels, dtype=torch.uint8, pin_memory=self._is_cuda)
        self._pixels = self._host.to(device)
        self._vectors = torch.zeros(shape.batch, shape.dim, pin_memory=self._is_cuda)
        # torch types neither its streams nor its events.
        self._copying = torch.cuda.Stream(device) if self._is_cuda else None  # type: ignore[no-untyped-call]

    def fill(self, pictures: Sequence[PixelArray], *, padded: bool) -> int:
        """Take the pictures in; returns how many rows of the batch are to be forwarded."""
        host = self._host.numpy()
        for place, picture in enumerate(pictures):
            host[place] = picture
        if not padded:
            return len(pictures)
        host[len(pictures) :] = 0
        return len(host)

    def forward(self, forward: Forward, *, rows: int) -> Callable[[], float]:
        """Begin to forward what was taken in; what is returned waits for it, and says how long
        the device has worked on it, in seconds."""
        with torch.inference_mode():
            if self._copying is None:
                return self._forward_here(forward, rows)
            return self._forward_there(forward, rows, self._copying)

    def read(self, n: int) -> FloatArray:
        """The first `n` vectors of a batch that was waited for, `(n, dim)`."""
        return np.array(self._vectors[:n].numpy(), np.float32)

    def _forward_here(self, forward: Forward, rows: int) -> Callable[[], float]:
        began = time.perf_counter()
        self._vectors[:rows] = forward(self._pixels[:rows])
        spent = time.perf_counter() - began
        return lambda: spent

    def _forward_there(
        self, forward: Forward, rows: int, copying: torch.cuda.Stream
    ) -> Callable[[], float]:
        began, done = _event(), _event()
        with torch.cuda.stream(copying):  # while the batch before is forwarded
            self._pixels[:rows].copy_(self._host[:rows], non_blocking=True)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(copying)
        began.record(current)
        self._vectors[:rows].copy_(forward(self._pixels[:rows]), non_blocking=True)
        done.record(current)

        def wait() -> float:
            done.synchronize()
            return float(began.elapsed_time(done)) / 1000

        return wait


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
