"""The part of timm's pretrained configurations that is read here; timm itself is untyped."""

from __future__ import annotations

from typing import Protocol

from zoo.backbone import CropMode


class Configuration(Protocol):
    """Fields of timm's `PretrainedCfg`."""

    architecture: str
    tag: str | None
    url: str | None
    hf_hub_id: str | None
    hf_hub_filename: str | None
    origin_url: str | None
    paper_ids: str | tuple[str, ...] | None
    license: str | None
    input_size: tuple[int, int, int]  # channels, height, width
    min_input_size: tuple[int, int, int] | None
    fixed_input_size: bool
    interpolation: str
    crop_pct: float
    crop_mode: CropMode
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    num_classes: int
