"""The plugin object: describes without torch, loads by calling the part that needs it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.backbone import RANDOM_WEIGHTS, Backbone, Card, LoadRequest
from zoo.errors import NotFoundError
from zoo_lite.variants import IMAGENET, VARIANTS, Variant, card

if TYPE_CHECKING:
    from types import ModuleType


class LitePlugin:
    """EfficientNet-Lite0, 1 and 2."""

    def describe(self) -> Iterable[Card]:
        """The three architectures, each with its ImageNet weights."""
        return tuple(card(variant) for variant in VARIANTS)

    def load(self, request: LoadRequest) -> Backbone:
        """Build one; `NotFoundError`, or `WeightsUnavailableError` if its package is missing."""
        variant = _find(request.architecture)
        building = _building()
        if request.weights == RANDOM_WEIGHTS:
            backbone: Backbone = building.build_untrained(variant)
        elif request.weights == IMAGENET:
            backbone = building.build_trained(variant, request.read_checkpoint)
        else:
            raise NotFoundError(
                f"{variant.architecture} has no weights {request.weights!r}; "
                f"it has {IMAGENET!r} and {RANDOM_WEIGHTS!r}",
                code="unknown_weights",
                nearest=(IMAGENET, RANDOM_WEIGHTS),
            )
        return backbone


def _find(architecture: str) -> Variant:
    for variant in VARIANTS:
        if variant.architecture == architecture:
            return variant
    known = tuple(variant.architecture for variant in VARIANTS)
    raise NotFoundError(
        f"no architecture {architecture!r}; there are {', '.join(known)}",
        code="unknown_architecture",
        nearest=known,
    )


def _building() -> ModuleType:
    # By name, so that describing, which the API's side waits for, never pays for torch and timm.
    return importlib.import_module("zoo_lite.building")
