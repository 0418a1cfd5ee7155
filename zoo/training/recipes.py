"""How a network is trained: every choice in one place, and the rates and orders that follow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Augmentation = Literal["none", "light", "strong"]
BatchNorm = Literal["frozen", "train", "recalibrate"]
Places = NDArray[np.int64]

ORDER, SAMPLE, MIX, STEP = range(4)
"""What a random number is drawn for; each has streams of its own."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that training depends on besides the network and the pictures."""

    n_trained: int  # blocks, from the last on
    is_gradual: bool = False  # begins with the last block alone, and ends with all of them
    epochs: int
    rate: float  # of the last block and the head
    batch_size: int = 16
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = 0.05
    layer_decay: float = 0.8
    warm_up: float = 0.1
    clip: float = 1.0
    patience: int = 3
    augmentation: Augmentation = "light"
    has_flips: bool = True
    label_smoothing: float = 0.1
    mixup: float = 0.0
    is_balanced: bool = False  # each class weighs the same, however many pictures it has
    bn: BatchNorm = "frozen"
    l2_sp: float = 0.0
    seed: int = 0

    def trained_in(self, epoch: int) -> int:
        """How many of the last blocks are trained in an epoch, counted from 0."""
        if not self.is_gradual:
            return self.n_trained
        n_joining = max(self.epochs / 2, min(2, self.epochs))  # epochs until all have joined
        return math.ceil(self.n_trained * min(1.0, (epoch + 1) / n_joining))

    def rate_of(self, depth: int, *, step: int, n_steps: int) -> float:
        """The learning rate `depth` blocks below the last one, at a step of all."""
        return self.rate * self.layer_decay**depth * rate_share(step, n_steps, self.warm_up)


def rate_share(step: int, n_steps: int, warm_up: float) -> float:
    """The share of the full rate: it rises evenly, then falls like a cosine to nothing.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.
    """
    rising = round(warm_up * n_steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, n_steps - rising)))


def generator(seed: int, purpose: int, *place: int) -> np.random.Generator:
    """Random numbers that depend on nothing but these: what resumes draws them again."""
    return np.random.default_rng([seed, purpose, *place])


def batches(n: int, *, recipe: Recipe, epoch: int) -> Iterator[Places]:
    """The order of `n` pictures in an epoch, cut into batches; the last may be smaller."""
    order = generator(recipe.seed, ORDER, epoch).permutation(n)
    for start in range(0, n, recipe.batch_size):
        yield order[start : start + recipe.batch_size]


def steps_an_epoch(n: int, recipe: Recipe) -> int:
    """How many batches `n` pictures make."""
    return math.ceil(n / recipe.batch_size)
