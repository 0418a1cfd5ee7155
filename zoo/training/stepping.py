"""One step of training: the gradients of a batch, in as many parts as memory asks for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.training.batches import Batch
from zoo.training.losses import summed_loss, total_weight
from zoo.training.networks import CPU, Network

IsShort = Callable[[Exception], bool]
"""Whether an error says that memory ran out; torch has no class of its own for it."""


class Stepping:
    """Runs batches forward and backward; a batch that memory is short for is cut in halves.

    The gradients stay those of the whole batch, but where batch statistics move.
    """

    def __init__(
        self, network: Network, class_weights: Tensor, *, most: int, is_short: IsShort
    ) -> None:
        self.most = most  # pictures at once
        self._network = network
        self._class_weights = class_weights
        self._is_short = is_short

    def backward(
        self, batch: Batch, *, seed: int, clear: Callable[[], None], ready: Callable[[int], None]
    ) -> tuple[float, int]:
        """Leave the gradients of a batch's loss; returns the loss and how many were right.

        What a network draws at random depends on `seed`. Calls `ready` before each part with the
        number of pictures in it.
        """
        while True:
            clear()
            try:
                return self._parts(batch, seed, ready)
            except Exception as error:
                if self.most == 1 or not self._is_short(error):
                    raise
                self.most = max(1, min(self.most, len(batch)) // 2)

    def _parts(self, batch: Batch, seed: int, ready: Callable[[int], None]) -> tuple[float, int]:
        device = self._network.device
        weight = total_weight(batch.wanted, self._class_weights)
        summed, n_right = 0.0, 0
        with torch.random.fork_rng(devices=[] if device == CPU else [device]):
            torch.manual_seed(seed)
            for start in range(0, len(batch), self.most):
                part = slice(start, min(start + self.most, len(batch)))
                ready(part.stop - start)
                logits = self._network.logits(batch.mixed(part))
                loss = summed_loss(logits, batch.wanted[part], self._class_weights) / weight
                torch.autograd.backward(loss)
                summed += float(loss.detach())
                n_right += int((logits.argmax(dim=1) == batch.targets[part]).sum())
        return summed, n_right
