"""How a network stands while it is trained, on pictures that it does not train on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    network: Network,
    pictures: PictureStore,
    targets: Targets,
    *,
    look: Callable[[], None],
    at_once: int = AT_ONCE,
) -> Judgement:
    """Forward the pictures as they are, with the network as it answers; `look` at each batch."""
    if not len(targets):
        return Judgement()
    network.forward.eval()
    wanted = torch.from_numpy(targets)
    logits = torch.cat(list(_logits(network, pictures, _parts(len(targets), at_once), look)))
    right = (logits.argmax(dim=1) == wanted).double().mean()
    return Judgement(loss=float(cross_entropy(logits, wanted)), accuracy=float(right))


@torch.no_grad()
def _logits(
    network: Network,
    pictures: PictureStore,
    parts: Sequence[range],
    look: Callable[[], None],
) -> list[Tensor]:
    found = []
    for part in parts:
        look()
        pixels = pictures.stacked(part)
        found.append(network.logits(torch.from_numpy(pixels)))
    return found


def _parts(n: int, at_once: int) -> list[range]:
    return [range(start, min(start + at_once, n)) for start in range(0, n, at_once)]
