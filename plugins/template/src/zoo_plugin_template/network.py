"""The network itself; the only module of this plugin that imports torch."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn
from zoo.backbone import Backbone, ReadCheckpoint, Tower

from zoo_plugin_template.plugin import PREPROCESSING

CHECKPOINT = Path(__file__).with_name("weights.safetensors")
FILTERS = 24
MIXED = 48
GRID = 2
DIM = MIXED * GRID * GRID
SEED = 0


def build_untrained() -> Backbone:
    """Random parameters from a fixed seed: the same on every call and every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return _backbone(_network())


def build_trained(read_checkpoint: ReadCheckpoint) -> Backbone:
    """The parameters that ship with this package."""
    network = _network()
    network.load_state_dict(dict(read_checkpoint(CHECKPOINT)))
    return _backbone(network)


def _network() -> nn.Sequential:
    """Maps `(n, 3, 64, 64)` to `(n, DIM)`."""
    blocks = OrderedDict[str, nn.Module](
        stem=nn.Sequential(nn.Conv2d(3, FILTERS, 7, stride=4, padding=3), nn.ReLU()),
        mixing=nn.Sequential(nn.Conv2d(FILTERS, MIXED, 1), nn.ReLU()),
        pool=nn.AdaptiveAvgPool2d(GRID),
        flat=nn.Flatten(),
    )
    return nn.Sequential(blocks)


def _backbone(network: nn.Sequential) -> Backbone:
    tower = Tower(
        module=network,
        preprocessing=PREPROCESSING,
        blocks=("stem", "mixing"),  # in the order in which they run
        layers=("stem", "mixing"),
    )
    return Backbone(towers={"image": tower}, dim=DIM)
