"""The plugin object: describes from JSON files alone, loads by the part that needs torch."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.backbone import Backbone, Card, LoadRequest
from zoo_transformers.cards import describe
from zoo_transformers.folders import find_models

if TYPE_CHECKING:
    from types import ModuleType

_NEEDED = ("transformers", "tokenizers")


class TransformersPlugin:
    """The models in the folders of this machine; `describe` looks again each time."""

    def describe(self) -> Iterable[Card]:
        """A card for each folder that can be served; raises `ModuleNotFoundError`."""
        for name in _NEEDED:
            if importlib.util.find_spec(name) is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return tuple(describe(model) for model in find_models().served)

    def load(self, request: LoadRequest) -> Backbone:
        """Build one; `NotFoundError`, or `WeightsUnavailableError` if its folder has none."""
        backbone: Backbone = _building().build(request)
        return backbone


def _building() -> ModuleType:
    # By name: it imports torch and transformers, for 4 s.
    return importlib.import_module("zoo_transformers.building")
