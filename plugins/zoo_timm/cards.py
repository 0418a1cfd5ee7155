"""Turns timm's configurations into cards; builds no network."""

from __future__ import annotations

import math
from collections.abc import Iterator

from timm.models import PretrainedCfg, get_arch_pretrained_cfgs, get_pretrained_cfg, list_models

from zoo.backbone import Card, CropMode, InputSizes, Interpolation, Preprocessing, Weights
from zoo_timm.multipliers import multipliers
from zoo_timm.sources import read_tag

_LICENCES = {"": "not stated by timm", "unknown": "not stated by timm"}


def describe_all() -> tuple[Card, ...]:
    """Every architecture that timm lists; it lists no deprecated names."""
    return tuple(describe(architecture) for architecture in list_models())


def describe(architecture: str) -> Card:
    """One architecture with all its trained tags, timm's default first."""
    first = configuration(architecture)
    return Card(
        architecture=architecture,
        weights=tuple(describe_weights(found) for found in trained(architecture)),
        preprocessing=read_preprocessing(first),
        input_sizes=read_input_sizes(first),
        facts=multipliers(architecture),
    )


def configuration(architecture: str, tag: str = "") -> PretrainedCfg:
    """timm's configuration of a tag, without one that of the architecture itself."""
    name = f"{architecture}.{tag}" if tag else architecture
    return get_pretrained_cfg(name, allow_unregistered=False) or PretrainedCfg()


def trained(architecture: str) -> Iterator[PretrainedCfg]:
    """The configurations that parameters have been published for."""
    found = get_arch_pretrained_cfgs(architecture).values()
    return (one for one in found if one.tag and (one.url or one.hf_hub_id))


def describe_weights(found: PretrainedCfg) -> Weights:
    """What timm says of a tag, and what the tag itself gives away."""
    origin = read_tag(found.tag or "")
    licence = found.license or ""
    return Weights(
        tag=found.tag or "",
        preprocessing=read_preprocessing(found),
        licence=_LICENCES.get(licence, licence),
        source_data=origin.source_data,
        domain=origin.domain,
        known_biases=origin.known_biases,
        source=_source(found),
    )


def _source(found: PretrainedCfg) -> str:
    address = f"https://huggingface.co/{found.hf_hub_id}" if found.hf_hub_id else str(found.url)
    papers = found.paper_ids
    listed = [papers] if isinstance(papers, str) else list(papers or ())
    return "; ".join([address, *filter(None, [found.origin_url]), *listed])


def read_preprocessing(found: PretrainedCfg) -> Preprocessing:
    """What timm's own `create_transform` does for evaluation."""
    _, height, width = found.input_size
    scaled = math.floor(height / found.crop_pct), math.floor(width / found.crop_pct)
    is_plain = found.crop_mode == "center" and scaled[0] == scaled[1]
    red, green, blue = found.mean
    red_std, green_std, blue_std = found.std
    return Preprocessing(
        input_size=(height, width),
        resize=scaled[0] if is_plain else scaled,
        interpolation=_interpolation(found.interpolation),
        mean=(red, green, blue),
        std=(red_std, green_std, blue_std),
        crop_mode="center" if is_plain else _crop_mode(found.crop_mode),
    )


def _crop_mode(name: str) -> CropMode:
    known: dict[str, CropMode] = {"squash": "squash", "border": "border"}
    return known.get(name, "center")


def _interpolation(name: str) -> Interpolation:
    known: dict[str, Interpolation] = {
        "nearest": "nearest",
        "bilinear": "bilinear",
        "lanczos": "lanczos",
    }
    return known.get(name, "bicubic")  # "random" is a choice for training


def read_input_sizes(found: PretrainedCfg) -> InputSizes:
    """Which sizes the architecture takes besides its native one."""
    smallest = found.min_input_size
    return InputSizes(
        is_fixed=found.fixed_input_size,
        minimum=None if smallest is None else (smallest[1], smallest[2]),
    )
