"""Where torchvision's parameters lie on this machine; nothing is ever downloaded."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.errors import WeightsUnavailableError
from zoo_torchvision.enums import WeightsEntry, tag_of

PLUGIN = "torchvision"
_OLD_DENSENET = re.compile(
    r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$"
)
"""How DenseNet's files, from before 0.2, spell what has been `norm1` and `conv1` since."""


def find_checkpoint(architecture: str, entry: WeightsEntry) -> Path:
    """The file in torch's own cache; `WeightsUnavailableError` if it is not there."""
    folder = Path(torch.hub.get_dir(), "checkpoints")
    path = folder / entry.url.rsplit("/", 1)[-1]
    if path.is_file():
        return path
    raise WeightsUnavailableError(
        f"the weights of torchvision.{architecture}.{tag_of(entry)} are not on this machine; "
        f"download {entry.url} into {folder}",
        plugin=PLUGIN,
    )


def fill(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy the parameters into a network, all of them or none."""
    renamed = OrderedDict((_OLD_DENSENET.sub(r"\1\2", name), t) for name, t in state.items())
    # MNASNet asks its checkpoint for the version of its layout; those published have the newest.
    version = getattr(network, "_version", None)
    renamed._metadata = {"": {"version": version}}  # type: ignore[attr-defined]  # where torch looks
    network.load_state_dict(renamed)
