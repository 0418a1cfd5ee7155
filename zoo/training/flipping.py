"""Whether a picture turned left to right is still one of its class, as a fitted head sees it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from zoo.training.networks import Network, Targets
from zoo.training.pixels import PictureStore

MOST = 200
"""Pictures that are looked at: each is forwarded twice."""
Z = 1.64  # the 95 % point of the normal distribution
AT_ONCE = 16


def flips_confuse(network: Network, pictures: PictureStore, targets: Targets) -> bool:
    """Whether the network errs more on flipped pictures, beyond what chance does.

    Digits and letters are others when they are flipped, cats are not. `pictures` are some that
    the head was not fitted to; without any, flips are taken for confusing. McNemar, Note on the
    sampling error of the difference between correlated proportions, Psychometrika 12, 1947.
    """
    places = np.random.default_rng(0).permutation(len(targets))[:MOST]
    if not len(places):
        return True
    right, flipped_right = _right(network, pictures, targets, places)
    lost, won = int((right & ~flipped_right).sum()), int((~right & flipped_right).sum())
    return lost - won > Z * math.sqrt(lost + won)


@torch.no_grad()
def _right(
    network: Network, pictures: PictureStore, targets: Targets, places: Targets
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each place whether the picture, and the flipped one, is given its class."""
    network.forward.eval()
    found: list[list[NDArray[np.bool_]]] = [[], []]
    for part in _parts(places):
        pixels = pictures.stacked(part)
        for outcomes, given in zip(found, (pixels, pixels[:, :, ::-1]), strict=True):
            logits = network.logits(torch.from_numpy(np.ascontiguousarray(given)))
            outcomes.append(logits.argmax(dim=1).numpy() == targets[part])
    return np.concatenate(found[0]), np.concatenate(found[1])


def _parts(places: Targets) -> Iterator[Targets]:
    for start in range(0, len(places), AT_ONCE):
        yield places[start : start + AT_ONCE]
