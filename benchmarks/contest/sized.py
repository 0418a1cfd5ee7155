"""A plugin for contests on small machines: EfficientNet-Lite0 on smaller pictures."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.backbone import RANDOM_WEIGHTS, Backbone, Card, LoadRequest
from zoo.errors import NotFoundError
from zoo_lite.variants import IMAGENET, VARIANTS, Variant, card

if TYPE_CHECKING:
    from types import ModuleType

NAME = "sized"
NATIVE = VARIANTS[0].input_size
SIZES = (64, 96, 128, 160, 192)


def model_of(size: int) -> str:
    """The full name of the backbone that takes pictures of a size."""
    if size == NATIVE:
        return f"lite.{VARIANTS[0].architecture}.{IMAGENET}"
    return f"{NAME}.{variant_of(size).architecture}.{IMAGENET}"


def variant_of(size: int) -> Variant:
    """The network with another size of input, cropped by the same share."""
    variant = VARIANTS[0]
    return replace(variant, architecture=f"{variant.architecture}_{size}", input_size=size)


class SizedPlugin:
    """One network and its weights, an architecture for each size of input."""

    def describe(self) -> Iterable[Card]:
        """A card a size."""
        return tuple(card(variant_of(size)) for size in SIZES)

    def load(self, request: LoadRequest) -> Backbone:
        """Build one; `NotFoundError` for any other architecture or weights."""
        variants = {one.architecture: one for one in map(variant_of, SIZES)}
        tags = (IMAGENET, RANDOM_WEIGHTS)
        if request.architecture not in variants or request.weights not in tags:
            raise NotFoundError(
                f"no {request.architecture!r} with weights {request.weights!r}; there are "
                f"{', '.join(variants)} with {' and '.join(map(repr, tags))}",
                code="unknown_architecture",
                nearest=tuple(variants),
            )
        variant, building = variants[request.architecture], _building()
        backbone: Backbone = (
            building.build_untrained(variant)
            if request.weights == RANDOM_WEIGHTS
            else building.build_trained(variant, request.read_checkpoint)
        )
        return backbone


def _building() -> ModuleType:
    # By name, so that describing needs no torch.
    return importlib.import_module("zoo_lite.building")


plugin = SizedPlugin()
