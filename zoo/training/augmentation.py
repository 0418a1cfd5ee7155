"""Variants of a picture to train on: what they are depends on seed, epoch and picture alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from zoo.training.recipes import SAMPLE, Recipe, generator

PixelArray = NDArray[np.uint8]
Shape = tuple[int, int]
RATIOS = (3 / 4, 4 / 3)
"""Of the width to the height of what is cut out."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How far variants may go from the picture."""

    least_area: float  # share of the picture that is cut out at least
    colour: float = 0.0  # by how much brightness, contrast and colour may change
    erased: float = 0.0  # how often a part is blotted out


PRESETS = {
    "light": Preset(least_area=0.5),
    "strong": Preset(least_area=0.25, colour=0.4, erased=0.25),
}


def varied(
    picture: PixelArray, *, recipe: Recipe, epoch: int, place: int, to: Shape
) -> PixelArray:
    """A variant uint8 `(*to, 3)` of a picture uint8 `(height, width, 3)`.

    With `none` the picture has that shape already, and only flips are left.
    """
    drawn = generator(recipe.seed, SAMPLE, epoch, place)
    if recipe.augmentation != "none":
        preset = PRESETS[recipe.augmentation]
        picture = _cut_out(picture, drawn, preset.least_area, to)
        picture = _recoloured(picture, drawn, preset.colour) if preset.colour else picture
        if preset.erased and drawn.random() < preset.erased:
            picture = _blotted(picture, drawn)
    if recipe.has_flips and drawn.random() < 0.5:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def _cut_out(
    picture: PixelArray, drawn: np.random.Generator, least_area: float, to: Shape
) -> PixelArray:
    """A part of random size, shape and place, resized.

    Szegedy et al., Going deeper with convolutions, CVPR 2015, section 6.
    """
    height, width, _ = picture.shape
    area = drawn.uniform(least_area, 1) * height * width
    ratio = math.exp(drawn.uniform(math.log(RATIOS[0]), math.log(RATIOS[1])))
    wide = min(width, max(1, round(math.sqrt(area * ratio))))
    high = min(height, max(1, round(math.sqrt(area / ratio))))
    left, top = drawn.integers(0, width - wide + 1), drawn.integers(0, height - high + 1)
    part = torch.from_numpy(np.ascontiguousarray(picture[top : top + high, left : left + wide]))
    resized = interpolate(part.permute(2, 0, 1)[None], size=to, mode="bilinear", antialias=True)
    return np.asarray(resized[0].permute(1, 2, 0).numpy(), np.uint8)


def _recoloured(picture: PixelArray, drawn: np.random.Generator, most: float) -> PixelArray:
    brightness, contrast, colour = drawn.uniform(1 - most, 1 + most, 3).astype(np.float32)
    wide = picture.astype(np.float32) * brightness
    wide = (wide - wide.mean()) * contrast + wide.mean()
    grey = wide.mean(axis=2, keepdims=True)
    coloured = (wide - grey) * colour + grey
    return np.asarray(np.clip(np.rint(coloured), 0, 255), np.uint8)


def _blotted(picture: PixelArray, drawn: np.random.Generator) -> PixelArray:
    """With a grey rectangle of up to a third of the picture's height and width."""
    height, width, _ = picture.shape
    high, wide = drawn.integers(1, max(2, height // 3)), drawn.integers(1, max(2, width // 3))
    top, left = drawn.integers(0, height - high + 1), drawn.integers(0, width - wide + 1)
    blotted = picture.copy()
    blotted[top : top + high, left : left + wide] = 128
    return blotted
