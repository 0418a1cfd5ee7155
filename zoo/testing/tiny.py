"""A backbone for tests: a layout of colours in 96 numbers, fast, without any download.

`tiny.colours` forwards a picture in about a millisecond and gives the same numbers on every
machine. Its native head tells red, green and blue pictures apart.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.backbone import RANDOM_WEIGHTS, Backbone, Card, LoadRequest, Preprocessing, Weights
from zoo.errors import NotFoundError

if TYPE_CHECKING:
    from types import ModuleType

NAME = "tiny"
ARCHITECTURE = "colours"
TAG = "v1"
MODEL = f"{NAME}.{ARCHITECTURE}.{TAG}"
"""The full name of the tiny backbone."""
DIM = 96
LABELS = ("red", "green", "blue")
PREPROCESSING = Preprocessing(
    input_size=(32, 32),
    resize=32,
    interpolation="bilinear",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)


class TinyPlugin:
    """A plugin with one architecture, its weights and the untrained variant."""

    def describe(self) -> Iterable[Card]:
        """The one architecture."""
        weights = Weights(
            tag=TAG,
            preprocessing=PREPROCESSING,
            licence="Apache-2.0",
            source_data="none: the parameters were written by hand",
            domain="any pictures",
            known_biases="sees colours only, in a grid of 4 x 4",
            source="zoo.testing.tiny",
        )
        return (Card(architecture=ARCHITECTURE, weights=(weights,)),)

    def load(self, request: LoadRequest) -> Backbone:
        """Build it; `NotFoundError` for any other architecture or weights."""
        if request.architecture != ARCHITECTURE:
            raise NotFoundError(
                f"no architecture {request.architecture!r}; there is {ARCHITECTURE!r}",
                code="unknown_architecture",
                nearest=(ARCHITECTURE,),
            )
        if request.weights not in (TAG, RANDOM_WEIGHTS):
            raise NotFoundError(
                f"no weights {request.weights!r}; there are {TAG!r} and {RANDOM_WEIGHTS!r}",
                code="unknown_weights",
                nearest=(TAG, RANDOM_WEIGHTS),
            )
        backbone: Backbone = _network().build(is_random=request.weights == RANDOM_WEIGHTS)
        return backbone


def _network() -> ModuleType:
    # By name, so that describing needs no torch.
    return importlib.import_module("zoo.testing.tiny_network")


plugin = TinyPlugin()
