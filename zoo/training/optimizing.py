"""The optimizer of a network and its head: rates by depth, and a state that can be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, AdamW, Optimizer

from zoo.training.freezing import Blocks
from zoo.training.recipes import Recipe

MOMENTUM = 0.9
HEAD = "head"
TOWER = "tower"


class Optimizing:
    """Moves the parameters that have a gradient, a block's at the rate of its depth."""

    def __init__(self, blocks: Blocks, linear: nn.Linear, recipe: Recipe) -> None:
        self._recipe = recipe
        self._named = dict(_named(blocks, linear, recipe.n_trained))
        self._depths: list[int] = []
        self._optimizer = self._made(blocks)
        self._starts = self._start() if recipe.l2_sp else {}

    @property
    def n_parameters(self) -> int:
        """How many numbers may be moved."""
        return sum(parameter.numel() for parameter in self._named.values())

    def clear(self) -> None:
        """Forget all gradients."""
        self._optimizer.zero_grad(set_to_none=True)

    def move(self, *, step: int, n_steps: int) -> float:
        """One step along the gradients; returns the rate of the last block."""
        recipe = self._recipe
        for depth, group in zip(self._depths, self._optimizer.param_groups, strict=True):
            group["lr"] = recipe.rate_of(depth, step=step, n_steps=n_steps)
        moved = [one for one in self._named.values() if one.grad is not None]
        clip_grad_norm_(moved, recipe.clip)
        self._optimizer.step()
        self._pull_back()
        return recipe.rate_of(0, step=step, n_steps=n_steps)

    def tensors(self) -> dict[str, Tensor]:
        """What the optimizer remembers of each parameter, as `name/memory`."""
        return {
            f"{name}/{memory}": tensor
            for name, parameter in self._named.items()
            for memory, tensor in self._optimizer.state.get(parameter, {}).items()
            if isinstance(tensor, Tensor)
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Remember again what `tensors()` gave."""
        remembered: dict[str, dict[str, Tensor]] = defaultdict(dict)
        for key, tensor in tensors.items():
            name, _, memory = key.rpartition("/")
            device = "cpu" if memory == "step" else self._named[name].device
            remembered[name][memory] = tensor.to(device).clone()
        for name, memories in remembered.items():
            self._optimizer.state[self._named[name]] = memories

    def _made(self, blocks: Blocks) -> Optimizer:
        recipe = self._recipe
        groups: dict[tuple[int, float], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in self._named.items():
            part, _, path = name.partition("/")
            depth = blocks.depth_of(path) if part == TOWER else 0
            # Scales and shifts, and a head that starts at its optimum, have nothing to shrink to.
            is_shrunk = part == TOWER and parameter.ndim > 1 and not recipe.l2_sp
            groups[depth, recipe.weight_decay if is_shrunk else 0.0].append(parameter)
        self._depths = [depth for depth, _ in groups]
        given = [
            {"params": parameters, "weight_decay": decay}
            for (_, decay), parameters in groups.items()
        ]
        if recipe.optimizer == "sgd":
            return SGD(given, lr=recipe.rate, momentum=MOMENTUM, nesterov=True)
        return AdamW(given, lr=recipe.rate)

    def _start(self) -> dict[str, Tensor]:
        return {
            name: parameter.detach().clone()
            for name, parameter in self._named.items()
            if name.startswith(TOWER)
        }

    def _pull_back(self) -> None:
        """Towards where the weights began, as weight decay pulls towards zero.

        Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with
        convolutional networks, ICML 2018; decoupled from the gradient as in AdamW.
        """
        rates = {
            id(parameter): group["lr"]
            for group in self._optimizer.param_groups
            for parameter in group["params"]
        }
        with torch.no_grad():
            for name, start in self._starts.items():
                parameter = self._named[name]
                if parameter.grad is not None:
                    parameter.lerp_(start, min(1.0, rates[id(parameter)] * self._recipe.l2_sp))


def _named(
    blocks: Blocks, linear: nn.Linear, n_trained: int
) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in blocks.module.named_parameters():
        if blocks.depth_of(name) < n_trained:
            yield f"{TOWER}/{name}", parameter
    for name, parameter in linear.named_parameters():
        yield f"{HEAD}/{name}", parameter
