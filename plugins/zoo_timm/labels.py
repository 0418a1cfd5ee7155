"""The names of the classes that timm's classifiers tell apart, where they are known."""

from __future__ import annotations

from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from timm.models import PretrainedCfg
from torchvision.models import EfficientNet_B0_Weights  # type: ignore[import-untyped]  # it ships no types

_IMAGENET = 1000


def class_labels(found: PretrainedCfg) -> tuple[str, ...]:
    """One label a class, all different; none if timm does not tell them."""
    if found.num_classes == _IMAGENET:
        # torchvision's list of ImageNet's classes gives each one short name, all different.
        return tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
    subset = infer_imagenet_subset({"num_classes": found.num_classes})
    if subset is None:
        return ()
    known = ImageNetInfo(subset)
    return tuple(
        f"{known.index_to_description(index)} ({known.index_to_label_name(index)})"
        for index in range(found.num_classes)
    )
