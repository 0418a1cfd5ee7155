"""Builds a plugin's backbone, checks that it keeps the contract, and describes what came of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo import wire
from zoo.backbone import (
    ATTENTION_MASK,
    IMAGE,
    TEXT,
    AnyTower,
    Backbone,
    InputSizes,
    LoadRequest,
    NativeHead,
    TextTower,
    Tower,
)
from zoo.errors import InvalidError, PluginError, ZooError
from zoo.inference.checkpoints import CheckpointReader, tensors_sha256
from zoo.inference.measuring import Measurement, find_taps, measure
from zoo.inference.networks import with_network
from zoo.predictor import BackboneDetail, BackboneRef, NetworkRef
from zoo.registry.plugins import load_plugin
from zoo.space import BFLOAT16, FLOAT32, Space, TowerSpace
from zoo.storage.blobs import file_sha256

_KINDS: Mapping[str, type[AnyTower]] = {IMAGE: Tower, TEXT: TextTower}
_SUBJECT = {IMAGE: "picture", TEXT: "text"}
PROBE = "a photograph of a cat"
"""What a text tower is asked, to see whether it works."""
_DTYPES: Mapping[str, torch.dtype] = {FLOAT32: torch.float32, BFLOAT16: torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class LoadedBackbone:
    """A backbone that keeps the contract, in evaluation mode, without gradients."""

    ref: BackboneRef
    backbone: Backbone
    detail: BackboneDetail

    @property
    def image_tower(self) -> Tower:
        """The tower that pictures go through; raises `InvalidError` if there is none."""
        tower = self.backbone.towers.get(IMAGE)
        if isinstance(tower, Tower):
            return tower
        raise InvalidError(
            f"model {self.ref.name!r} takes texts, not pictures", code="images_not_supported"
        )

    @property
    def dtype(self) -> torch.dtype:
        """What its networks compute in."""
        return _DTYPES[self.detail.space.precision]

    @property
    def text_tower(self) -> TextTower | None:
        """The tower that texts go through, if there is one."""
        tower = self.backbone.towers.get(TEXT)
        return tower if isinstance(tower, TextTower) else None


def load_backbone(
    ref: BackboneRef, *, weights_cache: Path, network: Path | None = None
) -> LoadedBackbone:
    """Build, check and describe; raises `PluginError`, `WeightsUnavailableError`.

    A `ref` with a `space_id` must be built into that space; one with a network needs its file,
    and raises `DamagedError` if that is not what was stored.
    """
    backbone = _build(ref, weights_cache)
    fault = _fault(backbone)
    if fault:
        raise _failed(ref, f"breaks the backbone contract: {fault}")
    if ref.network is not None:
        backbone = with_network(ref, backbone, network)
    backbone = replace(backbone, towers={n: _settled(t) for n, t in backbone.towers.items()})
    measured = {
        name: _probe(ref, name, tower=tower, dim=backbone.dim)
        for name, tower in backbone.towers.items()
    }
    detail = _detail(ref, backbone, measured=measured)
    _check_space(ref, detail)
    loaded = LoadedBackbone(ref=ref, backbone=backbone, detail=detail)
    for tower in backbone.towers.values():  # once their parameters have been hashed as they came
        tower.module.to(loaded.dtype)
    return loaded


def describe_network(
    ref: BackboneRef, path: Path, *, name: str, weights_cache: Path
) -> BackboneDetail:
    """What a network tuned from `ref` is, as loading its file tells; `name` is for messages.

    It is in float32, whatever it was tuned in. Raises as `load_backbone` does.
    """
    network = NetworkRef(version=name, blob_key=path.name, sha256=file_sha256(path))
    tuned = replace(ref, space_id=None, precision=FLOAT32, network=network)
    return load_backbone(tuned, weights_cache=weights_cache, network=path).detail


def _check_space(ref: BackboneRef, detail: BackboneDetail) -> None:
    space_id = detail.space.space_id
    if ref.space_id not in (None, space_id):
        raise PluginError(
            f"{ref.name} now embeds into space {space_id[:12]}, not {str(ref.space_id)[:12]} "
            "as when this was asked for: its weights or preprocessing have changed",
            plugin=ref.plugin,
            code="incompatible_space",
        )


def _build(ref: BackboneRef, weights_cache: Path) -> Backbone:
    plugin = load_plugin(ref.plugin)
    reader = CheckpointReader(plugin=ref.plugin, cache=weights_cache)
    request = LoadRequest(
        architecture=ref.architecture, weights=ref.weights, read_checkpoint=reader
    )
    try:
        return plugin.load(request)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's code: anything may come of it
        raise _failed(ref, f"could not be built: {type(error).__name__}: {error}") from error


def _failed(ref: BackboneRef, what: str) -> PluginError:
    return PluginError(f"model {ref.name!r} {what}", plugin=ref.plugin)


def _fault(backbone: object) -> str:
    """What of the contract does not hold, as far as it can be seen without a forward."""
    if not isinstance(backbone, Backbone):
        return f"load() gave a {type(backbone).__name__}, not a zoo.backbone.Backbone"
    if not backbone.towers or not set(backbone.towers) <= set(_KINDS):
        return f"it has towers {sorted(backbone.towers)}; there may be {IMAGE!r} and {TEXT!r}"
    faults = [_fault_of_tower(name, tower) for name, tower in backbone.towers.items()]
    if backbone.native_head is not None:
        faults.append(_fault_of_head(backbone.native_head, backbone.dim))
    return next(filter(None, faults), "")


def _fault_of_tower(name: str, tower: AnyTower) -> str:
    if not isinstance(tower, _KINDS[name]):
        wanted = f"zoo.backbone.{_KINDS[name].__name__}"
        return f"tower {name!r} is a {type(tower).__name__}, not a {wanted}"
    if not isinstance(tower.module, nn.Module):
        return f"tower {name!r} is a {type(tower.module).__name__}, not a torch.nn.Module"
    known = {path for path, _ in tower.module.named_modules()}
    unknown = [path for path in (*tower.blocks, *tower.layers) if path not in known]
    return f"tower {name!r} has no submodule {unknown[0]!r}" if unknown else ""


def _fault_of_head(head: NativeHead, dim: int) -> str:
    classes = len(head.labels)
    if head.matrix.shape != (classes, dim) or head.bias.shape != (classes,):
        return (
            f"the native head has a matrix {tuple(head.matrix.shape)} and a bias "
            f"{tuple(head.bias.shape)}; {classes} labels and dim {dim} need "
            f"({classes}, {dim}) and ({classes},)"
        )
    return ""


def _settled(tower: AnyTower) -> AnyTower:
    # Numbers in the types that they have after a journey through JSON, where 1 and 1.0 differ:
    # the space's identifier depends on them.
    plain = wire.preprocessing_to_json(tower.preprocessing)
    tower.module.eval().requires_grad_(False)
    if isinstance(tower, TextTower):
        return replace(tower, preprocessing=wire.text_preprocessing_from_json(plain))
    return replace(tower, preprocessing=wire.preprocessing_from_json(plain))


def _probe(ref: BackboneRef, name: str, *, tower: AnyTower, dim: int) -> Measurement:
    """Forward a black picture or a short text: the shape must be right, every number finite."""
    try:
        given = _probe_input(tower)
        measured = measure(tower.module, given, layers=(*tower.blocks, *tower.layers))
    except Exception as error:  # a stranger's network: anything may come of it
        raise _failed(ref, f"cannot forward: {type(error).__name__}: {error}") from error
    output = measured.output
    if not isinstance(output, Tensor) or output.shape != (1, dim):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise _failed(
            ref, f"gives {shape} from tower {name!r} for one {_SUBJECT[name]}, not (1, {dim})"
        )
    if not math.isfinite(float(output.abs().sum())):
        raise _failed(ref, f"gives numbers that are not finite from tower {name!r}")
    return measured


def _probe_input(tower: AnyTower) -> Tensor | Mapping[str, Tensor]:
    if isinstance(tower, Tower):
        return torch.zeros(1, 3, *tower.preprocessing.input_size)
    tokens = tower.tokenize([PROBE])
    mask = tokens.get(ATTENTION_MASK)
    if mask is None or mask.shape[0] != 1 or mask.shape[1] > tower.preprocessing.max_tokens:
        shape = None if mask is None else tuple(mask.shape)
        raise ValueError(
            f"tokenize() gives {sorted(tokens)} with an attention_mask {shape} for one text; it "
            f"should be (1, length), at most {tower.preprocessing.max_tokens} long"
        )
    return tokens


def _detail(
    ref: BackboneRef, backbone: Backbone, *, measured: Mapping[str, Measurement]
) -> BackboneDetail:
    weights_hash = _weights_hash(backbone)
    first = IMAGE if IMAGE in backbone.towers else TEXT
    tower = backbone.towers[first]
    head = backbone.native_head
    parameters = {id(p): p for t in backbone.towers.values() for p in t.module.parameters()}
    return BackboneDetail(
        weights_hash=weights_hash,
        dim=backbone.dim,
        parameters=sum(parameter.numel() for parameter in parameters.values()),
        blocks=tuple(tower.blocks),
        layers=tuple(tower.layers),
        labels=None if head is None else tuple(head.labels),
        space=_space(ref, backbone, weights_hash=weights_hash),
        towers=tuple(sorted(backbone.towers)),
        multiply_adds=measured[IMAGE].multiply_adds if IMAGE in measured else None,
        layer_shapes=measured[first].shapes,
        taps=find_taps(measured[first].shapes, blocks=tower.blocks),
        input_sizes=tower.input_sizes if isinstance(tower, Tower) else InputSizes(),
        head_output=_head_output(backbone),
    )


def _head_output(backbone: Backbone) -> tuple[int, int] | None:
    head = backbone.native_head
    classes = backbone.classes if head is None else len(head.labels)
    return None if classes is None else (1, classes)


def _space(ref: BackboneRef, backbone: Backbone, *, weights_hash: str) -> Space:
    towers = tuple(
        TowerSpace(
            tower=name,
            layer="",
            pooling="native",
            preprocessing=backbone.towers[name].preprocessing,
        )
        for name in sorted(backbone.towers)
    )
    return Space(
        weights_hash=weights_hash,
        architecture=ref.architecture,
        towers=towers,
        precision=ref.precision,
        definition=backbone.definition,
    )


def _weights_hash(backbone: Backbone) -> str:
    labels = list(backbone.native_head.labels) if backbone.native_head else None
    tensors = tensors_sha256(_all_tensors(backbone))
    return hashlib.sha256(json.dumps([tensors, labels]).encode()).hexdigest()


def _all_tensors(backbone: Backbone) -> Iterator[tuple[str, Tensor]]:
    for name, tower in backbone.towers.items():
        for path, tensor in tower.module.state_dict().items():
            yield f"{name}/{path}", tensor
    if backbone.native_head is not None:
        yield "native_head/matrix", backbone.native_head.matrix
        yield "native_head/bias", backbone.native_head.bias
