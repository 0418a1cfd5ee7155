"""What a train shard has to train besides a head: a strategy, its recipe, and the examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.jobs.specs import FineTuneSpec
from zoo.jobs.strategies import SCRATCH, Strategy, StrategyPlan
from zoo.training.heads import Head
from zoo.training.recipes import Recipe

Places = NDArray[np.int64]

LEAST_STEPS = 120
"""What moves a network far enough: a few pictures are gone over more often."""
MOST_EPOCHS = 40
SGD_FACTOR = 30
"""How much longer a step of plain gradients is, for weights to move as far as with AdamW."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long and how fast a strategy trains, unless it is told."""

    epochs: int
    rate: float


PACES: Mapping[Strategy, Pace] = {
    "last_blocks": Pace(epochs=6, rate=3e-4),
    "full": Pace(epochs=6, rate=3e-4),
    "gradual": Pace(epochs=8, rate=3e-4),
    "scratch": Pace(epochs=30, rate=1e-3),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """One strategy on its examples, all of them in one order."""

    plan: StrategyPlan
    sha256s: Sequence[str]
    targets: Places
    train: Places
    validation: Places
    labels: tuple[str, ...]
    head: Head  # fitted to the train side on the features of the network as it is
    lost: frozenset[str] = frozenset()  # of the contents, those that cannot be had any more

    @property
    def strategy(self) -> Strategy:
        """The name of the strategy."""
        return self.plan.strategy

    @property
    def is_scratch(self) -> bool:
        """Whether nothing of what the network has learnt is used."""
        return self.strategy == SCRATCH


def make_recipe(course: Course, spec: FineTuneSpec, *, has_flips: bool) -> Recipe:
    """How a course is trained: as asked for, and the rest as its strategy has it."""
    pace = PACES[course.strategy]
    a_step = SGD_FACTOR if spec.optimizer == "sgd" else 1
    return Recipe(
        n_trained=len(course.plan.trained),
        is_gradual=course.strategy == "gradual",
        epochs=spec.epochs or _enough(pace.epochs, len(course.train), spec.batch_size),
        rate=spec.rate or pace.rate * a_step,
        batch_size=spec.batch_size,
        optimizer=spec.optimizer,
        weight_decay=spec.weight_decay,
        layer_decay=1.0 if course.is_scratch else spec.layer_decay,
        warm_up=spec.warm_up,
        clip=spec.clip,
        # What begins with nothing stands still at first.
        patience=max(spec.patience, pace.epochs // 2) if course.is_scratch else spec.patience,
        augmentation=spec.augmentation,
        has_flips=has_flips,
        label_smoothing=spec.label_smoothing,
        mixup=spec.mixup,
        is_balanced=spec.class_weights == "balanced",
        bn="train" if course.is_scratch else spec.bn,
        l2_sp=0.0 if course.is_scratch else spec.l2_sp,
        seed=spec.seed,
    )


def _enough(epochs: int, n: int, batch_size: int) -> int:
    """The strategy's epochs, more of them where there are few pictures."""
    an_epoch = math.ceil(n / batch_size)
    return max(epochs, min(MOST_EPOCHS, math.ceil(LEAST_STEPS / an_epoch)))
