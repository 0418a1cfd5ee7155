"""What contestants that forward in torch have in common; runs in the rivals' environments too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from timm.data.transforms_factory import create_transform
from torch import Tensor, nn

from benchmarks.contest.task import Task

Transform = Callable[[Image.Image], Tensor]
FloatArray = NDArray[np.float32]


def load_network(task: Task) -> nn.Module:
    """The network, on one thread, after a first forward."""
    torch.set_num_threads(1)
    # A file that the contest has just written itself.
    network: nn.Module = torch.load(task.network, weights_only=False)
    forward(network, torch.zeros(1, *task.transform["input_size"]))
    return network.eval()


def load_transform(task: Task) -> Transform:
    """timm's own transform for evaluation."""
    transform: Transform = create_transform(**task.transform, is_training=False)
    return transform


def open_upright(path: Path) -> Image.Image:
    """A file as RGB, with its EXIF orientation applied."""
    with Image.open(path) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def forward(network: nn.Module, images: Tensor) -> FloatArray:
    """Embeddings float32 `(n, dim)`."""
    with torch.inference_mode():
        return np.asarray(network(images).numpy(), np.float32)
