"""Builds a model in torch, for processes that load this module by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoo.backbone import IMAGE
from zoo.inference.engines import Engine, PixelArray, TextEngine
from zoo.inference.engines.device import open_on_device, open_texts_on_device, usable
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.heads import head_of
from zoo.inference.joining import JoiningEngine
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.inference.models import LoadedModel
from zoo.inference.placement import CPU, Placement
from zoo.predictor import BackboneRef


def build_model(
    ref: BackboneRef,
    *,
    weights: Path,
    network: Path | None = None,
    placement: Placement,
    samples: PixelArray | None = None,
) -> LoadedModel:
    """Load a backbone as its plugin builds it, with its tuned `network` if it has one.

    Raises as `load_backbone` does.
    What goes onto a GPU is compared with the CPU on the `samples` too, where there are any.
    """
    loaded = load_backbone(ref, weights_cache=weights, network=network)
    placement = usable(placement)
    has_images = IMAGE in loaded.backbone.towers
    engine: Engine | None = None
    tap_engine: EagerEngine | None = None
    text_engine: TextEngine | None = None
    if has_images:
        engine, tap_engine = _image_engines(loaded, placement, samples)
    if loaded.text_tower is not None:
        text_engine = open_texts_on_device(loaded, loaded.text_tower, placement)
    return LoadedModel(
        ref=replace(ref, space_id=loaded.detail.space.space_id),
        detail=loaded.detail,
        preprocessing=loaded.image_tower.preprocessing if has_images else None,
        engine=engine,
        text_engine=text_engine,
        native_head=head_of(loaded.backbone.native_head),
        tap_engine=tap_engine,
        is_built=True,
    )


def _image_engines(
    loaded: LoadedBackbone, placement: Placement, samples: PixelArray | None
) -> tuple[Engine, EagerEngine]:
    """What embeds pictures, and what looks at layers: one and the same on the CPU."""
    if placement.is_gpu:
        engine = open_on_device(loaded, placement, samples=samples)
        if engine is not None:
            joining = JoiningEngine(engine, most=placement.batch)
            taps = EagerEngine(loaded, device=placement.device)
            return joining if placement.is_shared else engine, taps
    eager = EagerEngine(loaded, device=CPU)
    return eager, eager
