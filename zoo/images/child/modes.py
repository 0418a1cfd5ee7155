"""Every mode that a picture may have becomes eight-bit RGB, upright, over white, by one rule each.

Numbers are taken as sRGB: embedded colour profiles and gammas are not applied, as they were not
when backbones were trained.
"""

from __future__ import annotations

import math
from typing import cast

from PIL import Image, ImageCms

from zoo.images.child.refusals import Refused, unread

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112
DEEPEST = 65535
RANGES = (1, 255, DEEPEST)
"""What white may be among floating point numbers: the least of these that no number exceeds.

Where one does, or is negative, black is the lowest and white the highest of them.
"""
TINY = 1e-30
SIGNED_MAX = (1 << 31) - 1
SAMPLE_FORMAT, SAMPLE_SIGNED = 339, 2
"""TIFF's tag for what its numbers are."""
MULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by their opacity, and the same without."""


def upright_rgb(image: Image.Image) -> Image.Image:
    """The picture as backbones take it; raises `Refused` where its numbers have no meaning."""
    turn = _turn_of(image)
    try:
        rgb = to_rgb(image)
        return rgb if turn is None else rgb.transpose(turn)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # a mode, or a palette, that Pillow has no way from
        detail = f"pictures of colour mode {image.mode} are not read; convert it to RGB"
        raise Refused("unsupported_format", detail) from error


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """What the EXIF orientation asks for; EXIF that cannot be read is passed over."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF never spoils a readable picture
        return None


def to_rgb(image: Image.Image) -> Image.Image:
    """Eight-bit RGB, what is transparent over white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in MULTIPLIED:
        image = image.convert(MULTIPLIED[image.mode])
    elif image.mode == "F":
        image = _from_floats(image)
    elif image.mode.startswith("I"):
        image = _from_integers(image)
    if image.has_transparency_data:
        upper = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", upper.size, "white"), upper)
    return image.convert("RGB")


def _from_integers(image: Image.Image) -> Image.Image:
    """The upper 8 of 16 bits, as of colours that deep; numbers beyond them are stretched."""
    wide = image.convert("I")
    low, high = _extremes(wide)
    if low < 0 and _is_unsigned(image):
        raise unread("TIFF", f"its levels go beyond {SIGNED_MAX}")
    if low < 0 or high > DEEPEST:
        return _stretched(wide.convert("F"), low, high)
    grey = wide.point([level >> 8 for level in range(DEEPEST + 1)], "L")
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    opacity = wide.point([0 if level == key else 255 for level in range(DEEPEST + 1)], "L")
    return Image.merge("LA", (grey, opacity))


def _is_unsigned(image: Image.Image) -> bool:
    """Whether Pillow has read numbers of 32 bits as signed that were not meant so."""
    return image.mode == "I" and SAMPLE_SIGNED not in getattr(image, "tag_v2", {}).get(
        SAMPLE_FORMAT, ()
    )


def _from_floats(image: Image.Image) -> Image.Image:
    low, high = _extremes(image)
    # Comparisons pass over what is no number; a mean does not.
    mean = cast("float", image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
    if not math.isfinite(high - low + mean):
        raise unread("TIFF", "not all of its numbers are finite")
    white = next((one for one in RANGES if high <= one), None)
    if white is None or low < 0:
        return _stretched(image, low, high)
    return _stretched(image, 0, white)


def _stretched(image: Image.Image, black: float, white: float) -> Image.Image:
    scale = 255 / max(white - black, TINY)
    return image.point(lambda level: level * scale + (0.5 - black * scale)).convert("L")


def _extremes(image: Image.Image) -> tuple[float, float]:
    return cast("tuple[float, float]", image.getextrema())


def _from_lab(image: Image.Image) -> Image.Image:
    """CIELAB under D50, as TIFF has it."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
