"""Builds a model in torch, for processes that load this module by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoo.backbone import IMAGE
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.engines.eager_texts import EagerTextEngine
from zoo.inference.heads import head_of
from zoo.inference.loading import load_backbone
from zoo.inference.models import LoadedModel
from zoo.predictor import BackboneRef


def build_model(ref: BackboneRef, *, weights: Path) -> LoadedModel:
    """Load a backbone as its plugin builds it; raises as `load_backbone` does."""
    loaded = load_backbone(ref, weights_cache=weights)
    has_images = IMAGE in loaded.backbone.towers
    text_tower = loaded.text_tower
    engine = EagerEngine(loaded) if has_images else None
    return LoadedModel(
        ref=replace(ref, space_id=loaded.detail.space.space_id),
        detail=loaded.detail,
        preprocessing=loaded.image_tower.preprocessing if has_images else None,
        engine=engine,
        text_engine=None if text_tower is None else EagerTextEngine(text_tower),
        native_head=head_of(loaded.backbone.native_head),
        tap_engine=engine,
    )
