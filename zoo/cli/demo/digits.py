"""A real labelled set that needs no download: scikit-learn's handwritten digits."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

PER_LABEL = 50
SIDE = 64
DARKEST = 16  # the set's grey levels are 0 to 16
_SHADES = " .:-=+*#%@"


@dataclass(frozen=True, kw_only=True)
class Digit:
    """One handwritten digit: its label, a PNG, and eight lines of text that show it."""

    label: str
    png: bytes
    drawing: str


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Those to learn from, and one that is kept back."""

    examples: tuple[Digit, ...]
    held_out: Digit


def read_digits() -> Digits:
    """`PER_LABEL` digits of each class, always the same ones, and one of the rest."""
    bunch = load_digits()
    taken: dict[str, list[Digit]] = {}
    rest: list[Digit] = []
    for pixels, target in zip(bunch.images, bunch.target, strict=True):
        digit = _digit(pixels, label=str(target))
        kept = taken.setdefault(digit.label, [])
        (kept if len(kept) < PER_LABEL else rest).append(digit)
    examples = tuple(digit for label in sorted(taken) for digit in taken[label])
    return Digits(examples=examples, held_out=rest[len(rest) // 2])


def write_archive(digits: Digits, path: Path) -> None:
    """A zip with a folder for each label."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, digit in enumerate(digits.examples):
            archive.writestr(f"{digit.label}/{number:04}.png", digit.png)


def _digit(pixels: np.ndarray[tuple[int, int], np.dtype[np.float64]], *, label: str) -> Digit:
    ink = np.rint(pixels * 255 / DARKEST).astype(np.uint8)
    image = Image.fromarray(255 - ink).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return Digit(label=label, png=stored.getvalue(), drawing=_draw(pixels))


def _draw(pixels: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> str:
    shades = (pixels * (len(_SHADES) - 1) // DARKEST).astype(int)
    return "\n".join("    " + "".join(_SHADES[n] * 2 for n in row).rstrip() for row in shades)
