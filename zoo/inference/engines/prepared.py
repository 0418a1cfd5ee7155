"""A tower with the normalisation of its pixels in front, as one network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.backbone import Tower


class Prepared(nn.Module):
    """A tower that takes prepared pixels uint8 `(n, height, width, 3)` as they are."""

    def __init__(self, tower: Tower, *, dtype: torch.dtype) -> None:
        super().__init__()
        scale, shift = normalisation(tower.preprocessing.mean, tower.preprocessing.std)
        self.tower = tower.module
        self.dtype = dtype
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings float32 `(n, dim)`."""
        # A permuted NHWC array is what torch calls channels last: nothing is copied here.
        images = pixels.permute(0, 3, 1, 2).to(torch.float32)
        output: Tensor = self.tower((images * self.scale + self.shift).to(self.dtype))
        return output.to(torch.float32)


def normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """`(x / 255 - mean) / std` as one multiplication and one addition, `(1, 3, 1, 1)` each."""
    means = torch.tensor(mean, dtype=torch.float64).reshape(1, 3, 1, 1)
    stds = torch.tensor(std, dtype=torch.float64).reshape(1, 3, 1, 1)
    return (1 / (255 * stds)).float(), (-means / stds).float()
