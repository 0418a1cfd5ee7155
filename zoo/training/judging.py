"""How a network stands while it is trained, on pictures that it does not train on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zoo.training.networks import Network, Targets
from zoo.training.pixels import PictureStore

AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Mean log loss and accuracy; None where there was nothing to judge by."""

    loss: float | None = None
    accuracy: float | None = None


def judge(
    network: Network, pictures: PictureStore, targets: Targets, *, look: Callable[[], None]
) -> Judgement:
    """Forward the pictures as they are, with the network as it answers; `look` at each batch."""
    if not len(targets):
        return Judgement()
    network.forward.eval()
    wanted = torch.from_numpy(targets)
    logits = torch.cat(list(_logits(network, pictures, len(targets), look)))
    right = (logits.argmax(dim=1) == wanted).double().mean()
    return Judgement(loss=float(cross_entropy(logits, wanted)), accuracy=float(right))


@torch.no_grad()
def _logits(
    network: Network, pictures: PictureStore, n: int, look: Callable[[], None]
) -> list[Tensor]:
    found = []
    for start in range(0, n, AT_ONCE):
        look()
        pixels = pictures.stacked(range(start, min(start + AT_ONCE, n)))
        found.append(network.logits(torch.from_numpy(pixels)))
    return found
