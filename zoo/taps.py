"""Taps: which layers of a network are looked at, and in which form their outputs are wanted.

Pure arithmetic on shapes; who has the network does what a tap says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zoo.backbone import IMAGE, Preprocessing
from zoo.space import Space

Layout = Literal["nchw", "nhwc"]
Pool = Literal["none", "mean"]
Shape: TypeAlias = tuple[int, ...]

FLOAT32_BYTES = 4
_MAP = 3  # axes of one picture's map: channels, height, width in some order
_SEQUENCE = 2  # tokens, dim


@dataclass(frozen=True, kw_only=True)
class Form:
    """How features are wanted."""

    layout: Layout = "nchw"  # of maps; sequences of tokens and vectors have one order only
    pool: Pool = "none"  # mean: over the places of a map, or the tokens of a sequence


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One layer to look at; axes are counted without the batch."""

    name: str  # as it was asked for, which the answer calls it
    layer: str  # a submodule
    shape: Shape  # what the layer gives for one picture
    pooled: tuple[int, ...] = ()  # axes to take the mean over; the others stay in their order
    order: tuple[int, ...] | None = None  # of all axes in the answer; None: as they are

    @property
    def given(self) -> Shape:
        """The shape of one picture's features in the answer."""
        if self.order is not None:
            return tuple(self.shape[axis] for axis in self.order)
        kept = (side for axis, side in enumerate(self.shape) if axis not in self.pooled)
        return tuple(kept)

    @property
    def size_bytes(self) -> int:
        """What one picture's features take as float32."""
        return FLOAT32_BYTES * math.prod(self.given)


def make_tap(
    name: str, layer: str, *, shape: Shape, form: Form, input_size: tuple[int, int]
) -> Tap:
    """A tap for a layer that gives `shape` for a picture of `input_size` (height, width)."""
    if form.pool == "mean":
        return Tap(name=name, layer=layer, shape=shape, pooled=_places(shape, input_size))
    if len(shape) != _MAP:
        return Tap(name=name, layer=layer, shape=shape)
    order = _order(form.layout, is_channels_last=_is_channels_last(shape, input_size))
    return Tap(name=name, layer=layer, shape=shape, order=order)


def size_of(taps: Iterable[Tap]) -> int:
    """What one picture's features of all taps take, in bytes."""
    return sum(tap.size_bytes for tap in taps)


def shapes_of(taps: Iterable[Tap]) -> dict[str, Shape]:
    """What each tap gives for one picture, by the name that it was asked by."""
    return {tap.name: tap.given for tap in taps}


def tap_from_json(fields: Mapping[str, object]) -> Tap:
    """The same tap again, after a journey through JSON; raises `KeyError`, `TypeError`."""
    order = fields["order"]
    return Tap(
        name=str(fields["name"]),
        layer=str(fields["layer"]),
        shape=_axes(fields["shape"]),
        pooled=_axes(fields["pooled"]),
        order=None if order is None else _axes(order),
    )


def input_size_of(space: Space) -> tuple[int, int]:
    """Height and width of the pictures that a backbone forwards, in pixels."""
    given = (one.preprocessing for one in space.towers if one.tower == IMAGE)
    return next(one.input_size for one in given if isinstance(one, Preprocessing))


def _places(shape: Shape, input_size: tuple[int, int]) -> tuple[int, ...]:
    if len(shape) == _SEQUENCE:
        return (0,)
    if len(shape) != _MAP:
        return ()
    return (0, 1) if _is_channels_last(shape, input_size) else (1, 2)


def _order(layout: Layout, *, is_channels_last: bool) -> tuple[int, ...] | None:
    if is_channels_last == (layout == "nhwc"):
        return None
    return (2, 0, 1) if is_channels_last else (1, 2, 0)


def _is_channels_last(shape: Shape, input_size: tuple[int, int]) -> bool:
    """Whether the first two sides look like the picture and the last two do not.

    Networks do not say in which order they give a map; most have the channels first, some
    transformers over windows have them last.
    """
    return _is_like(shape[:2], input_size) and not _is_like(shape[1:], input_size)


def _is_like(sides: Shape, input_size: tuple[int, int]) -> bool:
    """Whether a map of these sides is the picture made smaller, each side rounded."""
    (high, wide), (height, width) = sides, input_size
    return abs(high * width - wide * height) < max(height, width)


def _axes(given: object) -> tuple[int, ...]:
    if not isinstance(given, list | tuple):
        raise TypeError(f"{given!r} is no list of axes")
    return tuple(int(axis) for axis in given)
