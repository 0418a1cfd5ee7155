"""The file of a tuned network: its image tower's state, laid over what a plugin builds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from zoo import wire
from zoo.backbone import IMAGE, Backbone, Preprocessing, Tower
from zoo.errors import DamagedError, InvalidError, PluginError
from zoo.predictor import BackboneRef
from zoo.storage.blobs import file_sha256

FORMAT = "featurezoo-network-1"
"""Stands in the file's metadata; a new number for every change that old readers would misread."""
_ABOUT = "network"  # one member only: the library writes several in a random order
_MOST_NAMED = 3


def write_network(path: Path, tower: Tower) -> None:
    """Write all parameters and buffers under the module's names, floats as float32.

    The same tower makes the same file. The caller makes the file durable.
    """
    about = {
        "format": FORMAT,
        "preprocessing": wire.preprocessing_to_json(tower.preprocessing),
    }
    tensors = {name: _kept(tensor) for name, tensor in tower.module.state_dict().items()}
    safetensors.torch.save_file(tensors, path, {_ABOUT: json.dumps(about, sort_keys=True)})


def _kept(tensor: Tensor) -> Tensor:
    # A copy: two names may stand for one tensor, and the format knows no such pair.
    plain = tensor.detach().cpu()
    return (plain.float() if plain.is_floating_point() else plain).contiguous().clone()


def with_network(ref: BackboneRef, backbone: Backbone, path: Path | None) -> Backbone:
    """The backbone with a tuned network as its image tower, and that alone.

    A text tower or a native head belongs to the network as it was. Raises `DamagedError` for a
    file that is not what was stored, `PluginError` if the plugin builds another architecture now.
    """
    tower = backbone.towers.get(IMAGE)
    if not isinstance(tower, Tower):
        raise _misfit(ref, "it has no tower for pictures")
    preprocessing, tensors = _read(ref, path)
    tower.module.float()  # else what was tuned would be rounded to what the plugin computes in
    _lay_over(ref, tower.module, tensors)
    tuned = replace(tower, preprocessing=preprocessing)
    return replace(backbone, towers={IMAGE: tuned}, native_head=None, classes=None)


def _read(ref: BackboneRef, path: Path | None) -> tuple[Preprocessing, Mapping[str, Tensor]]:
    network = ref.network
    if network is None or path is None:
        raise InvalidError(f"loading {ref.name!r} with its network takes the network's file")
    found = file_sha256(path)
    if found != network.sha256:
        raise DamagedError(
            f"the network {network.blob_key!r} has the checksum {found}; "
            f"it should be {network.sha256}"
        )
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_ABOUT])
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, not {FORMAT!r}")
        return (
            wire.preprocessing_from_json(about["preprocessing"]),
            safetensors.torch.load_file(path),
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            f"the network {network.blob_key!r} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _lay_over(ref: BackboneRef, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    own = module.state_dict()
    wrong = sorted(own.keys() ^ tensors.keys()) or sorted(
        name for name, tensor in own.items() if tensor.shape != tensors[name].shape
    )
    if wrong:
        named = ", ".join(wrong[:_MOST_NAMED])
        raise _misfit(ref, f"{len(wrong)} tensors do not fit, {named} among them")
    module.load_state_dict(dict(tensors))


def _misfit(ref: BackboneRef, why: str) -> PluginError:
    built = f"{ref.plugin}.{ref.architecture}.{ref.weights}"
    return PluginError(
        f"the network of {ref.name!r} does not go onto what {built} is now: {why}; install the "
        "release of the plugin that it was tuned with",
        plugin=ref.plugin,
    )
