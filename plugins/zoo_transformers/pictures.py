"""How pictures are prepared, read from the configuration of one of transformers' processors.

What those processors do and our `Preprocessing` cannot say is refused, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from zoo.backbone import CropMode, Interpolation, Preprocessing
from zoo_transformers.reading import UnusableError

_CROPPING = frozenset({"CLIP", "DeiT", "Beit", "Bit"})
"""Processors that cut the centre out unless told not to; an older file may not say."""
_PLAIN = frozenset({"ViT", "Siglip"})
_SHRINKING = frozenset({"ConvNext"})
_BY_EDGE = frozenset({"CLIP", "ConvNext"})
_SUFFIXES = ("Fast", "Pil", "ImageProcessor", "FeatureExtractor")
_INTERPOLATIONS: Mapping[int, Interpolation] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
}
"""By Pillow's numbers."""
_CONVNEXT_WHOLE = 384
"""From this size on ConvNeXt's processor squashes a picture and cuts nothing off."""
_SHARE_OF_255 = 1e-9

Fields: TypeAlias = Mapping[str, Any]
_Geometry: TypeAlias = tuple[tuple[int, int], int | tuple[int, int], CropMode]


def read_preprocessing(fields: Fields) -> Preprocessing:
    """The same preparation in our words; raises `UnusableError` if there are none for it."""
    kind = _kind(fields)
    _check_arithmetic(fields)
    input_size, resize, crop_mode = _geometry(fields, kind)
    is_normalised = fields.get("do_normalize", True)
    return Preprocessing(
        input_size=input_size,
        resize=resize,
        interpolation=_interpolation(fields),
        mean=_colour(fields, "image_mean") if is_normalised else (0.0, 0.0, 0.0),
        std=_colour(fields, "image_std") if is_normalised else (1.0, 1.0, 1.0),
        crop_mode=crop_mode,
        crop_rounding="down" if input_size != resize else "even",  # where nothing is cut off
    )


def _kind(fields: Fields) -> str:
    named = fields.get("image_processor_type") or fields.get("feature_extractor_type")
    kind = str(named)
    for suffix in _SUFFIXES:
        kind = kind.removesuffix(suffix)
    if kind not in _CROPPING | _PLAIN | _SHRINKING:
        raise UnusableError(f"its pictures are prepared by {named!r}, which is not known")
    return kind


def _check_arithmetic(fields: Fields) -> None:
    factor = fields.get("rescale_factor", 1 / 255)
    if not fields.get("do_rescale", True) or abs(factor - 1 / 255) > _SHARE_OF_255:
        raise UnusableError("its pictures are not scaled to 0 to 1 by dividing by 255")
    if not fields.get("do_resize", True):
        raise UnusableError("its pictures are not resized (do_resize is false)")
    if fields.get("do_pad"):
        raise UnusableError("its pictures are padded (do_pad is true)")


def _geometry(fields: Fields, kind: str) -> _Geometry:
    """Size of the crop, size before it, and how a picture meets the latter."""
    size = _size(_needed(fields, "size"), is_edge=kind in _BY_EDGE)
    if kind in _SHRINKING and isinstance(size, int):
        return _of_convnext(size, fields)
    crops = fields.get("do_center_crop", kind in _CROPPING)
    if isinstance(size, int):
        if not crops:
            raise UnusableError(f"its pictures keep their shape: only one edge becomes {size}")
        return _crop(fields), size, "center"
    return (_crop(fields) if crops else size), size, "squash"


def _size(given: object, *, is_edge: bool) -> int | tuple[int, int]:
    """The shorter edge, or height and width; older files have a number for either."""
    if isinstance(given, int):
        return given if is_edge else (given, given)
    if isinstance(given, dict) and set(given) == {"shortest_edge"}:
        return int(given["shortest_edge"])
    if isinstance(given, dict) and set(given) == {"height", "width"}:
        return int(given["height"]), int(given["width"])
    raise UnusableError(f"its pictures are resized to {given!r}, which gives no one size")


def _of_convnext(edge: int, fields: Fields) -> _Geometry:
    if edge >= _CONVNEXT_WHOLE:
        return (edge, edge), (edge, edge), "squash"
    share = fields.get("crop_pct") or 224 / 256
    return (edge, edge), int(edge / share), "center"


def _crop(fields: Fields) -> tuple[int, int]:
    crop = _needed(fields, "crop_size")
    if isinstance(crop, int):
        return crop, crop
    if set(crop) == {"height", "width"}:
        return int(crop["height"]), int(crop["width"])
    raise UnusableError(f"its pictures are cropped to {crop!r}, which gives no one size")


def _interpolation(fields: Fields) -> Interpolation:
    number = _needed(fields, "resample")
    if number not in _INTERPOLATIONS:
        raise UnusableError(f"its pictures are resized by Pillow's filter {number}")
    return _INTERPOLATIONS[number]


def _colour(fields: Fields, name: str) -> tuple[float, float, float]:
    given = _needed(fields, name)
    if not (isinstance(given, list) and len(given) == 3):
        raise UnusableError(f"its {name} is {given!r}; it should be three numbers")
    red, green, blue = (float(value) for value in given)
    return red, green, blue


def _needed(fields: Fields, name: str) -> Any:  # whatever JSON holds; who asks checks it
    if name not in fields:
        raise UnusableError(f"its picture processor names no {name}")
    return fields[name]
