"""The training loop: epochs of steps that can stop after any one and go on bit by bit the same."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.errors import InvalidError
from zoo.training.batches import make_batch
from zoo.training.freezing import Blocks
from zoo.training.judging import AT_ONCE as JUDGED_AT_ONCE
from zoo.training.judging import Judgement, judge
from zoo.training.losses import weights_of
from zoo.training.networks import Material, Network
from zoo.training.optimizing import Optimizing
from zoo.training.recalibration import AT_ONCE as RECALIBRATED_AT_ONCE
from zoo.training.recalibration import recalibrate
from zoo.training.recipes import STEP, Places, Recipe, batches, generator, steps_an_epoch
from zoo.training.states import TrainingState
from zoo.training.stepping import IsShort, Stepping
from zoo.training.striding import pick_places


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one epoch gave."""

    epoch: int  # counted from 1
    train_loss: float
    train_accuracy: float  # on the variants that it trained on, while it did
    validation_loss: float | None
    validation_accuracy: float | None
    rate: float  # of the last block, at the last step
    trained_blocks: int


@dataclass(frozen=True, kw_only=True)
class Position:
    """The next step, and what the epoch has summed up until it."""

    epoch: int = 0
    step: int = 0  # in the epoch
    loss: float = 0.0
    n_right: int = 0
    n_seen: int = 0
    rate: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Best:
    """The epoch that did best on the validation side, the last where there is none."""

    epoch: int = 0  # counted from 1; 0: none has ended
    loss: float = math.inf
    tensors: Mapping[str, Tensor]


class Watch(Protocol):
    """Who looks on, keeps states, and may stop training by raising whatever it likes."""

    def look(self) -> None:
        """Some pictures are about to be forwarded."""
        ...

    def stepped(self, training: Training) -> None:
        """A step is done."""
        ...

    def ended_epoch(self, training: Training) -> None:
        """An epoch is done and judged: the last of the training's history."""
        ...


class Training:
    """A network on its way; made anew and given a state, it goes on as if it had never stopped."""

    def __init__(
        self, network: Network, material: Material, recipe: Recipe, *, is_short: IsShort
    ) -> None:
        self.recipe = recipe
        self.position = Position()
        self.history: list[Figures] = []
        self.best = Best(tensors={})
        self.cpu_s = 0.0  # that this training took, in all processes
        self._network = network
        self._material = material
        self._blocks = Blocks(network.tower, network.blocks)
        self.frozen = self._blocks.frozen(recipe.n_trained, bn=recipe.bn)
        """The names, in the tower's state dict, of what must stay as it is."""
        pick_places(network.tower)
        self._optimizing = Optimizing(self._blocks, network.linear, recipe)
        self._stepping = Stepping(
            network, self._class_weights(), most=recipe.batch_size, is_short=is_short
        )

    @property
    def steps_an_epoch(self) -> int:
        """How many steps an epoch has."""
        return steps_an_epoch(len(self._material.targets), self.recipe)

    @property
    def n_steps(self) -> int:
        """How many steps there are in all, unless it stops early."""
        return self.recipe.epochs * self.steps_an_epoch

    @property
    def n_done(self) -> int:
        """How many steps are done."""
        return self.position.epoch * self.steps_an_epoch + self.position.step

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or none was better for as long as one waits."""
        waited = self.position.epoch - self.best.epoch
        is_judged = len(self._material.validation_targets) > 0
        is_stuck = is_judged and waited >= self.recipe.patience
        return self.position.epoch >= self.recipe.epochs or is_stuck

    @property
    def n_parameters(self) -> int:
        """How many numbers are trained, those of the head among them."""
        return self._optimizing.n_parameters

    @property
    def head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Matrix `(classes, dim)` and bias `(classes,)` of the head as it is now."""
        linear = self._network.linear
        matrix, bias = linear.weight.detach().cpu(), linear.bias.detach().cpu()
        return matrix.numpy().copy(), bias.numpy().copy()

    def run(self, watch: Watch) -> None:
        """Train until it is over, then restore the best epoch; raises what the watch raises.

        `InvalidError` with code `training_diverged` if the loss is no number any more.
        """
        while not self.is_over:
            self._run_epoch(watch)
        self._put(self.best.tensors)
        if self.recipe.bn == "recalibrate":
            self._recalibrate(watch)
        self._network.forward.eval()
        self._network.tower.requires_grad_(False)

    def _recalibrate(self, watch: Watch) -> None:
        recalibrate(
            self._network,
            self._blocks.normalising(self.recipe.n_trained),
            self._material,
            recipe=self.recipe,
            look=watch.look,
            at_once=self._at_once(RECALIBRATED_AT_ONCE),
        )

    def state(self) -> TrainingState:
        """All that a later process goes on from."""
        facts = {
            "position": asdict(self.position),
            "history": [asdict(one) for one in self.history],
            "best_epoch": self.best.epoch,
            "best_loss": self.best.loss if math.isfinite(self.best.loss) else None,
            "micro_batch": self._stepping.most,
            "cpu_s": self.cpu_s,
        }
        parts = {
            "now": self._changing(),
            "best": self.best.tensors,
            "optimizer": self._optimizing.tensors(),
        }
        tensors = {
            f"{part}/{name}": tensor
            for part, held in parts.items()
            for name, tensor in held.items()
        }
        return TrainingState(tensors=tensors, facts=facts)

    def restore(self, state: TrainingState) -> None:
        """Go on from a state of the same recipe and material."""
        facts = state.facts
        loss = facts["best_loss"]
        self._put(state.below("now"))
        self._optimizing.restore(state.below("optimizer"))
        self.best = Best(
            epoch=facts["best_epoch"],
            loss=math.inf if loss is None else loss,
            tensors=state.below("best"),
        )
        self.position = Position(**facts["position"])
        self.history = [Figures(**one) for one in facts["history"]]
        self._stepping.most = facts["micro_batch"]
        self.cpu_s = facts["cpu_s"]

    @property
    def micro_batch(self) -> int:
        """How many pictures are forwarded at once: fewer than a batch where memory was short."""
        return self._stepping.most

    @property
    def has_stuck_statistics(self) -> bool:
        """Whether batch statistics were to move and never did, as one picture has none."""
        is_asked = self.recipe.bn == "train" and self.micro_batch == 1
        return is_asked and bool(self._blocks.normalising(self.recipe.n_trained))

    def _at_once(self, most: int) -> int:
        """Fewer than these where memory was short for a batch."""
        is_cut = self.micro_batch < self.recipe.batch_size
        return min(most, self.micro_batch) if is_cut else most

    def limit(self, micro_batch: int) -> None:
        """Forward no more pictures at once than these."""
        self._stepping.most = max(1, min(self._stepping.most, micro_batch))

    def _run_epoch(self, watch: Watch) -> None:
        epoch = self.position.epoch
        self._blocks.thaw(self.recipe.trained_in(epoch))
        order = batches(len(self._material.targets), recipe=self.recipe, epoch=epoch)
        for places in islice(order, self.position.step, None):
            began = time.process_time()
            self._step(places, watch)
            self.cpu_s += time.process_time() - began
            watch.stepped(self)
        began = time.process_time()
        material = self._material
        found = judge(
            self._network,
            material.validation,
            material.validation_targets,
            look=watch.look,
            at_once=self._at_once(JUDGED_AT_ONCE),
        )
        if found.loss is not None and not math.isfinite(found.loss):
            raise _diverged(epoch, found.loss, self.recipe)
        self._end_epoch(found)
        self.cpu_s += time.process_time() - began
        watch.ended_epoch(self)

    def _step(self, places: Places, watch: Watch) -> None:
        at, recipe = self.position, self.recipe
        batch = make_batch(
            self._material,
            places,
            recipe=recipe,
            epoch=at.epoch,
            step=at.step,
            to=self._network.input_size,
        )

        def ready(n_pictures: int) -> None:
            watch.look()
            self._blocks.set_modes(
                recipe.trained_in(at.epoch),
                has_moving_statistics=recipe.bn == "train" and n_pictures > 1,  # one has none
            )

        seed = int(generator(recipe.seed, STEP, at.epoch, at.step).integers(2**62))
        loss, n_right = self._stepping.backward(
            batch, seed=seed, clear=self._optimizing.clear, ready=ready
        )
        if not math.isfinite(loss):
            raise _diverged(at.epoch, loss, recipe)
        rate = self._optimizing.move(step=self.n_done, n_steps=self.n_steps)
        self.position = replace(
            at,
            step=at.step + 1,
            loss=at.loss + loss * len(batch),
            n_right=at.n_right + n_right,
            n_seen=at.n_seen + len(batch),
            rate=rate,
        )

    def _end_epoch(self, found: Judgement) -> None:
        at = self.position
        figures = Figures(
            epoch=at.epoch + 1,
            train_loss=at.loss / at.n_seen,
            train_accuracy=at.n_right / at.n_seen,
            validation_loss=found.loss,
            validation_accuracy=found.accuracy,
            rate=at.rate,
            trained_blocks=self.recipe.trained_in(at.epoch),
        )
        self.history.append(figures)
        if found.loss is None or found.loss < self.best.loss:
            kept = {name: one.detach().clone() for name, one in self._changing().items()}
            loss = math.inf if found.loss is None else found.loss
            self.best = Best(epoch=figures.epoch, loss=loss, tensors=kept)
        self.position = Position(epoch=at.epoch + 1)

    def _changing(self) -> dict[str, Tensor]:
        """What training changes: of the tower what is not frozen, and the head."""
        network = self._network
        held = {
            f"tower/{name}": tensor
            for name, tensor in network.tower.state_dict().items()
            if name not in self.frozen
        }
        return held | {f"head/{name}": one for name, one in network.linear.state_dict().items()}

    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        now = self._changing()
        with torch.no_grad():
            for name, tensor in tensors.items():
                now[name].copy_(tensor)

    def _class_weights(self) -> Tensor:
        n_classes = self._material.n_classes
        if self.recipe.is_balanced:
            return weights_of(self._material.targets, n_classes=n_classes)
        return torch.ones(n_classes)


def _diverged(epoch: int, loss: float, recipe: Recipe) -> InvalidError:
    return InvalidError(
        f"training diverged in epoch {epoch + 1}: the loss is {loss}; "
        f"a rate below {recipe.rate:g} should help",
        code="training_diverged",
    )
