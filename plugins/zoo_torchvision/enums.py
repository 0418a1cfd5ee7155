"""The part of torchvision's weight enums that is read here; torchvision itself is untyped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from torchvision import models  # type: ignore[import-untyped]  # it ships no types


class Mode(Protocol):
    """torchvision's interpolation mode."""

    value: str


class Transform(Protocol):
    """The preset that weights are evaluated with."""

    crop_size: list[int]
    resize_size: list[int]
    interpolation: Mode
    mean: list[float]
    std: list[float]


class WeightsEntry(Protocol):
    """One member of a weights enum."""

    name: str
    url: str
    meta: Mapping[str, Any]

    def transforms(self) -> Transform:
        """The evaluation preset."""
        ...


def architectures() -> tuple[str, ...]:
    """The classification networks that are not for video, detection or quantised."""
    return tuple(models.list_models(module=models))


def entries(architecture: str) -> tuple[WeightsEntry, ...]:
    """An architecture's weights, what its enum calls DEFAULT first."""
    enum: Iterable[WeightsEntry] = models.get_model_weights(architecture)
    default = enum.DEFAULT  # type: ignore[attr-defined]  # an alias that each such enum has
    return (default, *(entry for entry in enum if entry is not default))


def tag_of(entry: WeightsEntry) -> str:
    """As the registry names it: `imagenet1k_v2`."""
    return entry.name.lower()
