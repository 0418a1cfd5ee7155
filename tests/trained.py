"""Tiny networks and pictures to train them on, for what training promises."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zoo.training.loop import Training
from zoo.training.networks import Material, Network, make_linear
from zoo.training.pixels import PictureStore
from zoo.training.recipes import Recipe

SIDE = 12
BLOCKS = ("stem", "body", "top")


class Scaled(nn.Module):
    """Pixels as a network takes them."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> Tensor:
        scaled: Tensor = self.tower(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return scaled


def make_network(*, seed: int = 0, n_classes: int = 2) -> Network:
    """Three blocks with batch statistics and random drops, and a head that says nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tower = nn.Sequential(
            OrderedDict(
                stem=nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU()),
                body=nn.Sequential(nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.2)),
                top=nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False), nn.BatchNorm2d(8)),
                pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            )
        ).eval()
    return Network(
        forward=Scaled(tower).eval(),
        tower=tower,
        linear=make_linear(8, n_classes, head=None),
        blocks=BLOCKS,
        input_size=(SIDE, SIDE),
    )


def make_material(folder: Path, *, n: int = 21, n_validation: int = 8, gap: int = 100) -> Material:
    """Dark and bright pictures of noise, so far apart."""

    def read(place: int) -> NDArray[np.uint8]:
        noise = np.random.default_rng(place).integers(0, 128, (SIDE, SIDE, 3))
        return np.asarray(noise + gap * (place % 2), np.uint8)

    def store(name: str, first: int, n: int) -> PictureStore:
        return PictureStore(
            folder / name,
            read=lambda place: read(first + place),
            n=n,
            shape=(SIDE, SIDE),
            max_bytes=10_000_000,
        )

    return Material(
        pictures=store("train", 0, n),
        targets=np.arange(n) % 2,
        validation=store("validation", 1000, n_validation),
        validation_targets=np.arange(n_validation) % 2,
        n_classes=2,
    )


def make_training(folder: Path, recipe: Recipe, *, network: Network | None = None) -> Training:
    """A training that has not begun."""
    return Training(
        network or make_network(), make_material(folder), recipe, is_short=lambda _: False
    )


class Onlooker:
    """A watch that keeps nothing and stops nothing."""

    def look(self) -> None:
        pass

    def stepped(self, training: Training) -> None:
        pass

    def ended_epoch(self, training: Training) -> None:
        pass
