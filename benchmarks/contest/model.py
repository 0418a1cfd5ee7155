"""The one network that every contestant forwards, in the forms that they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.data.config import resolve_data_config
from timm.models import get_pretrained_cfg

from benchmarks.contest.pictures import Pictures
from zoo.images.sandbox import Sandbox
from zoo.inference.engines import PixelArray
from zoo.inference.exports import GRAPH, Exports
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.inference.sandboxes import decode_limits
from zoo.predictor import BackboneRef
from zoo.registry.plugins import load_plugin
from zoo.settings import Settings
from zoo_lite.variants import VARIANTS

N_SAMPLES = 8


class NoModelError(Exception):
    """The model cannot take part."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model's files and how pictures are prepared for it."""

    name: str  # in full, with its weights tag
    network: Path
    graph: Path
    engine: str  # that forwards the graph fastest here
    preprocessing: Mapping[str, Any]
    transform: Mapping[str, Any]


def prepare(name: str, pictures: Pictures, *, folder: Path) -> Model:
    """Build the model once and write it as a torch module and as an ONNX graph."""
    ref = find(name)
    settings = Settings(home=folder)
    loaded = load_backbone(ref, weights_cache=folder / "weights")
    network = folder / "network.pt"
    network.parent.mkdir(parents=True, exist_ok=True)
    torch.save(loaded.image_tower.module, network)
    made = Exports(folder, timeout_s=settings.export_timeout_s).make(
        loaded.ref, loaded.detail, samples=lambda: samples(loaded, pictures.paths, settings)
    )
    if not made.is_ready:
        raise NoModelError(f"{ref.name} is not exported: {made.reason}; name another with --model")
    return Model(
        name=ref.name,
        network=network,
        graph=made.folder / GRAPH,
        engine=made.engine,
        preprocessing=asdict(loaded.image_tower.preprocessing),
        transform=timm_transform(ref),
    )


def find(name: str) -> BackboneRef:
    """The backbone of a name such as `timm.resnet50.a1_in1k`; without a tag the default."""
    plugin, _, rest = name.partition(".")
    if plugin not in ("lite", "timm") or not rest:
        raise NoModelError(
            f"{name!r} is not a timm network; it should be lite.ARCHITECTURE[.TAG] or "
            "timm.ARCHITECTURE[.TAG]"
        )
    architecture, _, tag = rest.partition(".")
    return BackboneRef(
        plugin=plugin, architecture=architecture, weights=tag or default_tag(plugin, architecture)
    )


def default_tag(plugin: str, architecture: str) -> str:
    """The tag of the weights that a plugin lists first."""
    for card in load_plugin(plugin).describe():
        if card.architecture == architecture:
            return card.weights[0].tag if card.weights else "random"
    raise NoModelError(f"the plugin {plugin!r} has no architecture {architecture!r}")


def timm_transform(ref: BackboneRef) -> dict[str, Any]:
    """What timm itself says of the weights, so that our own preprocessing is compared with it."""
    timm_names = {one.architecture: one.timm_name for one in VARIANTS}
    architecture = timm_names.get(ref.architecture, ref.architecture)
    tag = "" if ref.weights == "random" or ref.plugin == "lite" else f".{ref.weights}"
    found = get_pretrained_cfg(f"{architecture}{tag}")
    if found is None:
        raise NoModelError(f"timm has no configuration of {architecture}{tag}")
    # timm types neither.
    config: dict[str, Any] = resolve_data_config({}, pretrained_cfg=found.to_dict())  # type: ignore[no-untyped-call]
    wanted = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
    return {key: config[key] for key in wanted}


def samples(loaded: LoadedBackbone, paths: Sequence[Path], settings: Settings) -> PixelArray:
    """A few pictures, prepared, to verify the export on."""
    preprocessing = loaded.image_tower.preprocessing
    with Sandbox(decode_limits(settings)) as sandbox:
        return np.stack(
            [sandbox.decode(path.read_bytes(), preprocessing).pixels for path in paths[:N_SAMPLES]]
        )
