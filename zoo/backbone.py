"""The backbone contract: all that a plugin has to give, and all that the zoo asks of one.

A plugin is an object with `describe()` and `load()`, named by an entry point of the group
`zoo.backbones`. Describing must be cheap and need no torch where that can be avoided; loading
runs only in processes that forward pictures or texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

ENTRY_POINT_GROUP = "zoo.backbones"
RANDOM_WEIGHTS = "random"
"""The weights tag of the untrained variant that every backbone has."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
CropMode = Literal["center", "squash", "border"]
CropRounding = Literal["even", "down"]
ReadCheckpoint = Callable[[Path], "Mapping[str, Tensor]"]
"""Reads a checkpoint file (safetensors, or a pickle once through a safetensors cache)."""
Tokenize = Callable[["Sequence[str]"], "Mapping[str, Tensor]"]
"""Turns texts into what a text tower's module takes by keyword; see `TextTower`."""

IMAGE = "image"
"""The tower that pictures go through."""
TEXT = "text"
"""The tower that texts go through."""
ATTENTION_MASK = "attention_mask"
"""The tensor among a text's tokens that tells them from padding."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How pixels become the tensor that the weights were trained on; part of the weights.

    RGB, resized with antialiasing, the centre `input_size` cut out, scaled to [0, 1], then
    `(x - mean) / std` per channel. With one number as `resize` the shorter side becomes that
    long; with a pair (height, width) the crop mode says how the picture meets it: `center`
    covers it, `squash` takes exactly its shape, `border` fits into it. What the crop lacks is
    black, with `border` of the colour `mean`.
    """

    input_size: tuple[int, int]  # height, width after the crop, in pixels
    resize: int | tuple[int, int]  # before the crop, in pixels
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop_mode: CropMode = "center"  # the others need a pair as `resize`
    crop_rounding: CropRounding = "even"  # where the centre lies between two pixels


@dataclass(frozen=True, kw_only=True)
class TextPreprocessing:
    """How a text becomes the tokens that the weights were trained on; part of the weights.

    What a tokenizer does to letters (case, accents, special tokens) is part of its definition.
    """

    tokenizer: str  # sha256 (hex) of the tokenizer's definition
    max_tokens: int  # special ones included; what follows in a longer text is not seen


AnyPreprocessing: TypeAlias = Preprocessing | TextPreprocessing


@dataclass(frozen=True, kw_only=True)
class InputSizes:
    """Which sizes of picture a network takes besides its native one."""

    is_fixed: bool = False  # only the native one
    minimum: tuple[int, int] | None = None  # height, width in pixels, where one is known


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A named set of pre-trained parameters, as its publishers describe it."""

    tag: str
    preprocessing: Preprocessing | None = None  # of the image tower, where there is one
    text_preprocessing: TextPreprocessing | None = None  # of the text tower, where there is one
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
    weights: tuple[Weights, ...]  # the first is the default; none: there is the untrained only
    towers: tuple[str, ...] = (IMAGE,)  # IMAGE, TEXT or both
    preprocessing: Preprocessing | None = None  # of the untrained; None: that of the first weights
    text_preprocessing: TextPreprocessing | None = None  # likewise
    input_sizes: InputSizes = field(default_factory=InputSizes)
    facts: Mapping[str, str | float] = field(default_factory=dict)  # such as its multipliers


@dataclass(frozen=True, kw_only=True)
class Tower:
    """The way of pictures into the output space: a head-free network.

    `module` maps a float32 tensor `(n, 3, height, width)`, preprocessed, to `(n, dim)`.
    Parameters that lie in no block count as part of the one that is defined before them (a norm
    behind the last), or else of the first (a class token, position embeddings).
    """

    module: nn.Module
    preprocessing: Preprocessing
    blocks: tuple[str, ...]  # submodule names in forward order: what freezing counts in
    layers: tuple[str, ...]  # submodule names whose output may be tapped
    input_sizes: InputSizes = field(default_factory=InputSizes)


@dataclass(frozen=True, kw_only=True)
class TextTower:
    """The way of texts into the output space: a tokenizer and a head-free network.

    `tokenize` gives int64 tensors `(n, length)`, padded to one length, no longer than
    `max_tokens`; `attention_mask` is one of them, 1 for a token and 0 for padding. `module` takes
    them by their names and gives `(n, dim)`: pooling and normalisation belong to it, and how much
    padding there is must not matter.
    """

    module: nn.Module
    tokenize: Tokenize
    preprocessing: TextPreprocessing
    blocks: tuple[str, ...]  # as a `Tower`'s
    layers: tuple[str, ...]


AnyTower: TypeAlias = Tower | TextTower


@dataclass(frozen=True, kw_only=True)
class NativeHead:
    """The classifier that the weights were trained with: `logits = x @ matrix.T + bias`."""

    matrix: Tensor  # (classes, dim) float32
    bias: Tensor  # (classes,) float32
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A built backbone: towers into one space of `dim` numbers, and a head if it came with one.

    `towers` holds a `Tower` under `IMAGE`, a `TextTower` under `TEXT`, or both.
    """

    towers: Mapping[str, AnyTower]
    dim: int
    native_head: NativeHead | None = None
    classes: int | None = (
        None  # what the architecture's own classifier tells apart, trained or not
    )
    definition: str = ""  # sha256 of a configuration that its name alone does not tell


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
