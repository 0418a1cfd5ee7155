"""The engine that every backbone runs on: torch as it is, on one thread of the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.engines.eager_taps import watched
from zoo.inference.loading import LoadedBackbone
from zoo.taps import Tap


class EagerEngine:
    """Forwards through the image tower in torch, channels last."""

    name = "eager"

    def __init__(self, loaded: LoadedBackbone) -> None:
        # Two torch threads in two processes on two cores spin against each other: 0.8 images/s.
        torch.set_num_threads(1)
        tower = loaded.image_tower
        # 25-38 images per CPU-second instead of 16-30 on depthwise networks.
        self._module = tower.module.to(memory_format=torch.channels_last)
        self._scale, self._shift = normalisation(tower.preprocessing.mean, tower.preprocessing.std)

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)`, C-contiguous."""
        with torch.inference_mode():
            output = self._forward(pixels)
        return np.ascontiguousarray(output.to(torch.float32).numpy())

    def tap(self, pixels: PixelArray, taps: Sequence[Tap]) -> list[FloatArray]:
        """One float32 array `(n, *tap.given)` for each tap, C-contiguous."""
        with torch.inference_mode(), watched(self._module, taps, n=len(pixels)) as seen:
            self._forward(pixels)
        return [seen[tap.name] for tap in taps]

    def _forward(self, pixels: PixelArray) -> Tensor:
        # A permuted NHWC array is what torch calls channels last: nothing is copied here.
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32)
        output: Tensor = self._module(images.mul_(self._scale).add_(self._shift))
        return output


def normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """`(x / 255 - mean) / std` as one multiplication and one addition, `(1, 3, 1, 1)` each."""
    means = torch.tensor(mean, dtype=torch.float64).reshape(1, 3, 1, 1)
    stds = torch.tensor(std, dtype=torch.float64).reshape(1, 3, 1, 1)
    return (1 / (255 * stds)).float(), (-means / stds).float()
