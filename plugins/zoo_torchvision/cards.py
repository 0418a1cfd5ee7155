"""Turns torchvision's weight enums into cards; builds no network."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.backbone import Card, InputSizes, Interpolation, Preprocessing, Weights
from zoo_torchvision.enums import WeightsEntry, architectures, entries, tag_of

_INTERPOLATIONS: Mapping[str, Interpolation] = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos",
}
_FIXED = ("vit_", "maxvit_")  # their position embeddings fit one size
_MULTIPLIERS = {  # width and depth, arXiv:1905.11946
    "efficientnet_b0": (1.0, 1.0),
    "efficientnet_b1": (1.0, 1.1),
    "efficientnet_b2": (1.1, 1.2),
    "efficientnet_b3": (1.2, 1.4),
    "efficientnet_b4": (1.4, 1.8),
    "efficientnet_b5": (1.6, 2.2),
    "efficientnet_b6": (1.8, 2.6),
    "efficientnet_b7": (2.0, 3.1),
}
_IMAGENET = "ImageNet-1k (ILSVRC 2012), 1.28 million photographs from the web"
_SWAG = (
    "3.6 billion pictures of Instagram with their hashtags (SWAG, not public), then " + _IMAGENET
)
_IMAGENET_BIASES = (
    "ImageNet's: one object in the middle of a photograph, 118 of 1000 classes are breeds of dog, "
    "pictures mostly from North America and Europe"
)
_SWAG_BIASES = "its platform's: some countries and subjects prevail; " + _IMAGENET_BIASES
_LICENCE = "BSD-3-Clause (torchvision's; the weights may be bound by their training data's terms)"


def describe_all() -> tuple[Card, ...]:
    """Every classification network of torchvision."""
    return tuple(describe(architecture) for architecture in architectures())


def describe(architecture: str) -> Card:
    """One architecture with all members of its weights enum, its DEFAULT first."""
    listed = entries(architecture)
    return Card(
        architecture=architecture,
        weights=tuple(describe_weights(entry) for entry in listed),
        preprocessing=read_preprocessing(listed[0]),
        input_sizes=read_input_sizes(architecture, listed[0]),
        facts=_facts(architecture, listed[0]),
    )


def describe_weights(entry: WeightsEntry) -> Weights:
    """What torchvision says of one set of weights."""
    is_swag = "SWAG" in entry.name
    return Weights(
        tag=tag_of(entry),
        preprocessing=read_preprocessing(entry),
        licence=str(entry.meta.get("license", _LICENCE)),
        source_data=_SWAG if is_swag else _IMAGENET,
        known_biases=_SWAG_BIASES if is_swag else _IMAGENET_BIASES,
        published_metrics=_metrics(entry),
        source=f"{entry.url}; recipe: {entry.meta['recipe']}",
    )


def _metrics(entry: WeightsEntry) -> Mapping[str, float]:
    published = entry.meta["_metrics"].get("ImageNet-1K", {})
    shares = {f"imagenet_top{k}": published.get(f"acc@{k}") for k in (1, 5)}
    # VGG16's features are published without a classifier: their accuracy is NaN.
    return {name: share / 100 for name, share in shares.items() if share is not None and share > 0}


def read_preprocessing(entry: WeightsEntry) -> Preprocessing:
    """What the weights' own `transforms()` do."""
    preset = entry.transforms()
    (crop,), (resize,) = preset.crop_size, preset.resize_size
    red, green, blue = preset.mean
    red_std, green_std, blue_std = preset.std
    return Preprocessing(
        input_size=(crop, crop),
        resize=resize,
        interpolation=_INTERPOLATIONS[preset.interpolation.value],
        mean=(red, green, blue),
        std=(red_std, green_std, blue_std),
    )


def read_input_sizes(architecture: str, entry: WeightsEntry) -> InputSizes:
    """Which sizes the network takes besides its native one."""
    height, width = entry.meta["min_size"]
    return InputSizes(is_fixed=architecture.startswith(_FIXED), minimum=(height, width))


def _facts(architecture: str, entry: WeightsEntry) -> Mapping[str, float]:
    facts = {
        "published_parameters": entry.meta["num_params"],
        "published_giga_multiply_adds": entry.meta["_ops"],
    }
    if architecture in _MULTIPLIERS:
        width, depth = _MULTIPLIERS[architecture]
        facts |= {
            "width_multiplier": width,
            "depth_multiplier": depth,
            "resolution": entry.transforms().crop_size[0],
        }
    return facts
