"""The engine that every backbone runs on: torch as it is, on one thread of the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.engines.eager_taps import watched
from zoo.inference.engines.prepared import Prepared
from zoo.inference.loading import LoadedBackbone
from zoo.taps import Tap


class EagerEngine:
    """Forwards through the image tower in torch, channels last."""

    name = "eager"

    def __init__(self, loaded: LoadedBackbone, *, device: str = "cpu") -> None:
        # Two torch threads in two processes on two cores spin against each other: 0.8 images/s.
        torch.set_num_threads(1)
        self._device = torch.device(device)
        # 25-38 images per CPU-second instead of 16-30 on depthwise networks.
        prepared = Prepared(loaded.image_tower, dtype=loaded.dtype)
        self._prepared = prepared.to(self._device).to(memory_format=torch.channels_last).eval()

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)`, C-contiguous."""
        with torch.inference_mode():
            output = self._forward(pixels)
        return np.ascontiguousarray(output.cpu().numpy())

    def tap(self, pixels: PixelArray, taps: Sequence[Tap]) -> list[FloatArray]:
        """One float32 array `(n, *tap.given)` for each tap, C-contiguous."""
        with torch.inference_mode(), watched(self._prepared.tower, taps, n=len(pixels)) as seen:
            self._forward(pixels)
        return [seen[tap.name] for tap in taps]

    def _forward(self, pixels: PixelArray) -> Tensor:
        output: Tensor = self._prepared(torch.from_numpy(pixels).to(self._device))
        return output
