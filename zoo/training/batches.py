"""Batches as the network gets them: variants of pictures, what is wanted, and what is mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.training.augmentation import varied
from zoo.training.losses import soft_targets
from zoo.training.networks import Material
from zoo.training.recipes import MIX, Places, Recipe, generator


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """One step's pictures; any part of it can be taken by itself."""

    pixels: Tensor  # uint8 (n, height, width, 3)
    wanted: Tensor  # float32 (n, classes), mixed already
    targets: Tensor  # int64 (n,)
    partners: NDArray[np.int64]  # with which picture of the batch each is mixed
    share: float  # that stays its own; 1: nothing is mixed

    def __len__(self) -> int:
        return len(self.pixels)

    def mixed(self, part: slice) -> Tensor:
        """The pixels of a part of it."""
        own = self.pixels[part]
        if self.share == 1:
            return own
        return self.share * own.float() + (1 - self.share) * self.pixels[self.partners[part]]


def make_batch(
    material: Material,
    places: Places,
    *,
    recipe: Recipe,
    epoch: int,
    step: int,
    to: tuple[int, int],
) -> Batch:
    """The pictures at these places, as they are in this step of this epoch and in no other."""
    variants = [
        varied(material.pictures[place], recipe=recipe, epoch=epoch, place=place, to=to)
        for place in places.tolist()
    ]
    targets = material.targets[places]
    wanted = soft_targets(targets, n_classes=material.n_classes, smoothing=recipe.label_smoothing)
    partners, share = _mixing(len(places), recipe=recipe, epoch=epoch, step=step)
    return Batch(
        pixels=torch.from_numpy(np.stack(variants)),
        wanted=share * wanted + (1 - share) * wanted[partners],
        targets=torch.from_numpy(targets),
        partners=partners,
        share=share,
    )


def _mixing(n: int, *, recipe: Recipe, epoch: int, step: int) -> tuple[NDArray[np.int64], float]:
    """Zhang, Cisse, Dauphin and Lopez-Paz, mixup: beyond empirical risk minimization, 2018."""
    if not recipe.mixup:
        return np.arange(n), 1.0
    drawn = generator(recipe.seed, MIX, epoch, step)
    share = float(drawn.beta(recipe.mixup, recipe.mixup))
    return drawn.permutation(n), share
