"""Builds a model in torch, for processes that load this module by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from zoo.inference.engines.eager import EagerEngine
from zoo.inference.heads import head_of
from zoo.inference.loading import load_backbone
from zoo.inference.models import LoadedModel
from zoo.predictor import BackboneRef


def build_model(ref: BackboneRef, *, weights: Path) -> LoadedModel:
    """Load a backbone as its plugin builds it; raises as `load_backbone` does."""
    loaded = load_backbone(ref, weights_cache=weights)
    return LoadedModel(
        ref=replace(ref, space_id=loaded.detail.space.space_id),
        detail=loaded.detail,
        preprocessing=loaded.image_tower.preprocessing,
        engine=EagerEngine(loaded),
        native_head=head_of(loaded.backbone.native_head),
    )
