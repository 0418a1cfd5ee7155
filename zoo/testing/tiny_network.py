"""The network of the tiny backbone; its parameters are written by hand or drawn from a seed."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from zoo.backbone import Backbone, NativeHead, Tower
from zoo.testing.tiny import DIM, LABELS, PREPROCESSING

_SEED = 0
_GRID = 4
_PLANES = 6  # how far above and below mid-grey: red, green, blue each


def build(*, is_random: bool) -> Backbone:
    """The backbone, with its own parameters and head or with random ones and none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = _network()
    if not is_random:
        _write_parameters(network)
    tower = Tower(
        module=network,
        preprocessing=PREPROCESSING,
        blocks=("stem", "body"),
        layers=("stem", "body", "pool"),
    )
    head = None if is_random else _head()
    return Backbone(towers={"image": tower}, dim=DIM, native_head=head)


def _network() -> nn.Sequential:
    blocks = OrderedDict[str, nn.Module](
        stem=nn.Sequential(nn.Conv2d(3, _PLANES, 1), nn.BatchNorm2d(_PLANES), nn.ReLU()),
        body=nn.Sequential(
            nn.Conv2d(_PLANES, _PLANES, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(_PLANES),
            nn.ReLU(),
        ),
        pool=nn.AdaptiveAvgPool2d(_GRID),
        flat=nn.Flatten(),
    )
    return nn.Sequential(blocks).eval()


def _write_parameters(network: nn.Sequential) -> None:
    eye = torch.eye(3)
    parameters = {
        "stem.0.weight": torch.cat([eye, -eye]).reshape(_PLANES, 3, 1, 1),
        "stem.0.bias": torch.zeros(_PLANES),
        "body.0.weight": torch.eye(_PLANES).reshape(_PLANES, _PLANES, 1, 1).expand(-1, -1, 3, 3)
        / 9,
    }
    network.load_state_dict({**network.state_dict(), **parameters})


def _head() -> NativeHead:
    # A colour's share of a label: how far it is above mid-grey, less how far it is below.
    signs = torch.cat([torch.eye(3), -torch.eye(3)], dim=1)
    matrix: Tensor = signs.repeat_interleave(_GRID * _GRID, dim=1) * (4 / _GRID**2)
    return NativeHead(matrix=matrix.contiguous(), bias=torch.zeros(3), labels=LABELS)
