"""Strided convolutions of single places are trained without skipping within torch."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tests.trained import SIDE, Onlooker, Scaled, make_training
from zoo.training.networks import Network, make_linear
from zoo.training.recipes import Recipe
from zoo.training.striding import pick_places

CONVOLUTIONS = {
    "plain": {"in_channels": 3, "stride": 2},
    "skipping unevenly": {"in_channels": 5, "stride": (3, 2)},
    "in groups": {"in_channels": 32, "stride": 2, "groups": 4},
}


class Strides(TorchDispatchMode):
    """Notes how far the convolutions of single places skip, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, tuple[int, ...]]] = set()

    def __torch_dispatch__(self, func, _types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        weight, stride = {
            "convolution": (1, 3),
            "convolution_backward": (2, 4),
        }.get(name, (None, None))
        if weight is not None and args[weight].shape[2:] == (1, 1):
            self.seen.add((name, tuple(args[stride])))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("given", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_what_picks_its_places_gives_what_it_gave(given) -> None:
    convolution = nn.Conv2d(out_channels=8, kernel_size=1, **given)
    maps = torch.rand(2, given["in_channels"], 11, 12)
    before = convolution(maps)

    pick_places(convolution)

    assert convolution.stride == (1, 1)
    torch.testing.assert_close(convolution(maps), before)


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(3, 8, 3, stride=2),
        nn.Conv2d(16, 8, 1, stride=2),
        nn.Conv2d(3, 8, 1, stride=2, padding=1),
    ],
    ids=["of several places", "of many channels", "padded"],
)
def test_what_is_safe_stays_as_it_is(convolution) -> None:
    pick_places(convolution)

    assert convolution.stride == (2, 2)


def test_a_stem_of_single_places_is_trained_without_skipping(tmp_path: Path) -> None:
    stem = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.ReLU())
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    tower = nn.Sequential(OrderedDict(stem=stem, pool=pool)).eval()
    network = Network(
        forward=Scaled(tower).eval(),
        tower=tower,
        linear=make_linear(8, 2, head=None),
        blocks=("stem",),
        input_size=(SIDE, SIDE),
    )
    recipe = Recipe(n_trained=1, epochs=1, rate=0.01, batch_size=8, patience=1)

    with Strides() as strides:
        make_training(tmp_path, recipe, network=network).run(Onlooker())

    assert strides.seen == {("convolution", (1, 1)), ("convolution_backward", (1, 1))}
