"""What contestants that train with timm's networks have in common; runs without our code too."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.contest.tuning import TuningTask

FloatArray = NDArray[np.float32]
Batches = Iterable[tuple[Tensor, Tensor]]


def begin(task: TuningTask) -> None:
    """One thread, and the task's seed."""
    torch.set_num_threads(1)
    torch.manual_seed(task.seed)


def load_network(task: TuningTask) -> nn.Module:
    """The network with its weights and a new classifier, as timm's own script makes it."""
    network: nn.Module = timm.create_model(
        task.architecture,
        pretrained=True,
        num_classes=len(task.labels),
        pretrained_cfg_overlay={"file": task.weights},
    )
    return network


def train(
    network: nn.Module,
    batches: Batches,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """One epoch."""
    network.train()
    for pictures, targets in batches:
        optimizer.zero_grad()
        loss(network(pictures), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def answers(network: nn.Module, batches: Batches) -> FloatArray:
    """Probabilities of the labels, float32 `(n, labels)`."""
    network.eval()
    with torch.inference_mode():
        found = [network(pictures).softmax(dim=1) for pictures, _ in batches]
    return np.asarray(torch.cat(found).numpy(), np.float32)


def accuracy(network: nn.Module, batches: Batches) -> float:
    """The share of pictures whose likeliest label is right."""
    network.eval()
    with torch.inference_mode():
        right = [network(pictures).argmax(dim=1) == targets for pictures, targets in batches]
    return float(torch.cat(right).float().mean())


class Best:
    """Keeps the parameters of the epoch that does best on the validation pictures."""

    def __init__(self) -> None:
        self._accuracy = -1.0
        self._state: dict[str, Tensor] = {}

    def see(self, network: nn.Module, accuracy: float) -> None:
        """Another epoch is over."""
        if accuracy > self._accuracy:
            self._accuracy, self._state = accuracy, copy.deepcopy(network.state_dict())

    def restore(self, network: nn.Module) -> None:
        """Put the best epoch's back."""
        network.load_state_dict(self._state)
