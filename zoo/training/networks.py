"""What is trained and what on: a network with its head, and pictures with their classes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zoo.training.heads import Head
from zoo.training.pixels import PictureStore

Targets = NDArray[np.int64]
CPU = "cpu"


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A tower with what stands before and behind it."""

    forward: nn.Module  # pixels uint8 or float `(n, height, width, 3)` to embeddings `(n, dim)`
    tower: nn.Module  # the part of it that has the blocks
    linear: nn.Linear  # the head
    blocks: tuple[str, ...]
    input_size: tuple[int, int]
    device: str = CPU

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits float32 `(n, classes)` on the CPU, for pixels wherever they are."""
        with self.autocast():
            given: Tensor = self.linear(self.forward(pixels.to(self.device)))
        return given.float().to(CPU)

    def autocast(self) -> AbstractContextManager[object]:
        """Half precision where it saves time, which is on a GPU."""
        return nullcontext() if self.device == CPU else torch.autocast("cuda", torch.bfloat16)


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What is trained on and judged by, while training goes on."""

    pictures: PictureStore
    targets: Targets
    validation: PictureStore  # as embedding sees them
    validation_targets: Targets  # may be empty: then nothing is judged
    n_classes: int


def make_linear(dim: int, n_classes: int, *, head: Head | None) -> nn.Linear:
    """A head to begin with: a fitted one as it is, or one that says nothing."""
    linear = nn.Linear(dim, n_classes)
    matrix = np.zeros((n_classes, dim), np.float32) if head is None else head.matrix
    bias = np.zeros(n_classes, np.float32) if head is None else head.bias
    linear.load_state_dict({"weight": torch.tensor(matrix), "bias": torch.tensor(bias)})
    return linear
