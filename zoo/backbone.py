"""The backbone contract: all that a plugin has to give, and all that the zoo asks of one.

A plugin is an object with `describe()` and `load()`, named by an entry point of the group
`zoo.backbones`. Describing must be cheap and need no torch where that can be avoided; loading
runs only in processes that forward images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

ENTRY_POINT_GROUP = "zoo.backbones"
RANDOM_WEIGHTS = "random"
"""The weights tag of the untrained variant that every backbone has."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
ReadCheckpoint = Callable[[Path], "Mapping[str, Tensor]"]
"""Reads a checkpoint file (safetensors, or a pickle once through a safetensors cache)."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How pixels become the tensor that the weights were trained on; part of the weights.

    RGB, resized with antialiasing so that the shorter side is `resize`, the centre
    `input_size` cut out, scaled to [0, 1], then `(x - mean) / std` per channel.
    """

    input_size: tuple[int, int]  # height, width after the crop, in pixels
    resize: int  # the shorter side before the crop, in pixels
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A named set of pre-trained parameters, as its publishers describe it."""

    tag: str
    preprocessing: Preprocessing
    licence: str
    source_data: str
    domain: str = "photographs"
    known_biases: str = "not documented by the publisher"
    published_metrics: Mapping[str, float] = field(default_factory=dict)
    source: str = ""  # where the parameters come from: a package, a paper, an address


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a plugin says of one architecture without building it."""

    architecture: str
    weights: tuple[Weights, ...]  # the first is the default
    towers: tuple[str, ...] = ("image",)


@dataclass(frozen=True, kw_only=True)
class Tower:
    """One way into the output space: a head-free network.

    `module` maps a float32 tensor `(n, 3, height, width)`, preprocessed, to `(n, dim)`.
    """

    module: nn.Module
    preprocessing: Preprocessing
    blocks: tuple[str, ...]  # submodule names in forward order: what freezing counts in
    layers: tuple[str, ...]  # submodule names whose output may be tapped


@dataclass(frozen=True, kw_only=True)
class NativeHead:
    """The classifier that the weights were trained with: `logits = x @ matrix.T + bias`."""

    matrix: Tensor  # (classes, dim) float32
    bias: Tensor  # (classes,) float32
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A built backbone: towers into one space of `dim` numbers, and a head if it came with one."""

    towers: Mapping[str, Tower]
    dim: int
    native_head: NativeHead | None = None


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """What to build: an architecture with one of its weights tags, or `RANDOM_WEIGHTS`."""

    architecture: str
    weights: str
    read_checkpoint: ReadCheckpoint


@runtime_checkable
class Plugin(Protocol):
    """A source of backbones; models are named `<entry point>.<architecture>[.<weights tag>]`."""

    def describe(self) -> Iterable[Card]:
        """Every architecture with its weights, without building any."""
        ...

    def load(self, request: LoadRequest) -> Backbone:
        """Build one; raise `WeightsUnavailableError` if its parameters cannot be had."""
        ...
