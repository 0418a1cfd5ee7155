"""RGB pictures to what a model's preprocessing asks for: resized, and its centre cut out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from zoo.images.child.refusals import Refused

RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def prepare(image: Image.Image, wanted: dict[str, Any], *, max_pixels: int) -> Image.Image:
    """Resize, then cut the centre out, as torchvision's and timm's transforms do."""
    target = resized_size(image.size, wanted)
    if target[0] * target[1] > max_pixels:
        raise Refused(
            "too_many_pixels",
            f"the picture is {image.width} x {image.height} pixels; resized for the model it "
            f"would have {target[0]} x {target[1]}, more than {max_pixels}",
        )
    if target != image.size:
        image = image.resize(target, RESAMPLING[wanted["interpolation"]])
    ground = (0, 0, 0)
    if wanted["crop_mode"] == "border":
        red, green, blue = (round(255 * value) for value in wanted["mean"])
        ground = red, green, blue
    height, width = wanted["input_size"]
    halve = halve_down if wanted["crop_rounding"] == "down" else halve_to_even
    return cut_centre(image, (width, height), ground, halve)


def resized_size(size: tuple[int, int], wanted: dict[str, Any]) -> tuple[int, int]:
    """Width and height before the crop."""
    width, height = size
    if isinstance(wanted["resize"], int):
        short, long = sorted(size)
        reduced = wanted["resize"], int(wanted["resize"] * long / short)
        return reduced if width <= height else (reduced[1], reduced[0])
    rows, columns = wanted["resize"]
    if wanted["crop_mode"] == "squash":
        return columns, rows
    ratios = height / rows, width / columns
    ratio = max(ratios) if wanted["crop_mode"] == "border" else min(ratios)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def halve_to_even(difference: int) -> int:
    """Half, as torchvision rounds it."""
    return round(difference / 2.0)


def halve_down(difference: int) -> int:
    """Half, as transformers rounds it."""
    return difference // 2


def cut_centre(
    image: Image.Image,
    size: tuple[int, int],
    ground: tuple[int, int, int],
    halve: Callable[[int], int],
) -> Image.Image:
    """The centre of a picture; a smaller one is laid on the ground colour first."""
    width, height = size
    if image.width < width or image.height < height:
        sheet = Image.new("RGB", (max(image.width, width), max(image.height, height)), ground)
        place = (max(width - image.width, 0) // 2, max(height - image.height, 0) // 2)
        sheet.paste(image, place)
        image = sheet
    left, top = halve(image.width - width), halve(image.height - height)
    return image.crop((left, top, left + width, top + height))
