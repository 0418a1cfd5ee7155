"""The plugin object: importing it imports no timm, so that its lack is told as such."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.backbone import Backbone, Card, LoadRequest

if TYPE_CHECKING:
    from types import ModuleType


class TimmPlugin:
    """timm's registry, from its configurations alone; networks are built by `load` only."""

    def describe(self) -> Iterable[Card]:
        """A card for each architecture that is not deprecated, in timm's order."""
        cards: Iterable[Card] = _part("cards").describe_all()
        return cards

    def load(self, request: LoadRequest) -> Backbone:
        """Build one; `NotFoundError`, or `WeightsUnavailableError` if they are not cached."""
        backbone: Backbone = _part("building").build(request)
        return backbone


def _part(name: str) -> ModuleType:
    # By name: it imports timm, and with it torch, for 5 s.
    return importlib.import_module(f"zoo_timm.{name}")
