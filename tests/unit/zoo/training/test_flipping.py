"""Flips are left out where they make another class of a picture, as of digits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from tests.trained import SIDE, Scaled
from zoo.training.fitting import fit_head
from zoo.training.flipping import flips_confuse
from zoo.training.networks import Network, make_linear
from zoo.training.pixels import PictureStore

N = 60


def sided(place: int) -> NDArray[np.uint8]:
    """Bright on the left or on the right."""
    pixels = np.random.default_rng(place).integers(0, 100, (SIDE, SIDE, 3))
    half = slice(0, SIDE // 2) if place % 2 else slice(SIDE // 2, SIDE)
    pixels[:, half] += 100
    return np.asarray(pixels, np.uint8)


def lit(place: int) -> NDArray[np.uint8]:
    """Dark or bright all over."""
    noise = np.random.default_rng(place).integers(0, 100, (SIDE, SIDE, 3))
    return np.asarray(noise + 100 * (place % 2), np.uint8)


@pytest.mark.parametrize(("picture", "expected"), [(sided, True), (lit, False)])
def test_flips_confuse_where_left_and_right_mean_something(
    tmp_path: Path, picture: Callable[[int], NDArray[np.uint8]], expected: bool
) -> None:
    store = PictureStore(tmp_path / "file", read=picture, n=N, shape=(SIDE, SIDE), max_bytes=10**7)
    targets = np.arange(N) % 2
    # What the network sees: numbers from -1 to 1, channel after channel.
    features = store.stacked(range(N)).transpose(0, 3, 1, 2).reshape(N, -1) / 127.5 - 1
    head = fit_head(features, targets, labels=("a", "b"), l2=1.0)
    tower = nn.Flatten()
    network = Network(
        forward=Scaled(tower),
        tower=tower,
        linear=make_linear(features.shape[1], 2, head=head),
        blocks=(),
        input_size=(SIDE, SIDE),
    )
    assert flips_confuse(network, store, targets) is expected
    assert flips_confuse(network, store, targets[:0])
