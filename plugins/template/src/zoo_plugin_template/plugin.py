"""The plugin object: describes without torch, loads by calling the part that needs it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.backbone import RANDOM_WEIGHTS, Backbone, Card, LoadRequest, Preprocessing, Weights
from zoo.errors import NotFoundError

if TYPE_CHECKING:
    from types import ModuleType

ARCHITECTURE = "filters"
TAG = "v1"
PREPROCESSING = Preprocessing(
    input_size=(64, 64),  # height, width
    resize=72,  # the shorter side before the centre is cut out
    interpolation="bilinear",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)


class FiltersPlugin:
    """One small network of fixed filters; put your own in its place."""

    def describe(self) -> Iterable[Card]:
        """Every architecture with its weights; the first weights are the default."""
        weights = Weights(
            tag=TAG,
            preprocessing=PREPROCESSING,
            licence="Apache-2.0",
            source_data="none: colour and edge filters written by hand",
            domain="any pictures",
            known_biases="sees colours and edges only",
            source="weights.safetensors in this package",
        )
        return (Card(architecture=ARCHITECTURE, weights=(weights,)),)

    def load(self, request: LoadRequest) -> Backbone:
        """Build what is asked for; `NotFoundError` for what was never described."""
        if request.architecture != ARCHITECTURE:
            raise NotFoundError(
                f"no architecture {request.architecture!r}; there is {ARCHITECTURE!r}",
                code="unknown_architecture",
                nearest=(ARCHITECTURE,),
            )
        if request.weights == RANDOM_WEIGHTS:
            backbone: Backbone = _network().build_untrained()
        elif request.weights == TAG:
            backbone = _network().build_trained(request.read_checkpoint)
        else:
            raise NotFoundError(
                f"no weights {request.weights!r}; there are {TAG!r} and {RANDOM_WEIGHTS!r}",
                code="unknown_weights",
                nearest=(TAG, RANDOM_WEIGHTS),
            )
        return backbone


def _network() -> ModuleType:
    # By name, so that describing never pays for torch.
    return importlib.import_module("zoo_plugin_template.network")
