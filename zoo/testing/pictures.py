"""Pictures, archives and labelled sets made from a seed: the same bytes on every run."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (210, 40, 30),
    "green": (40, 190, 60),
    "blue": (30, 40, 200),
}
"""The labels that `labelled` uses by itself."""


def scene(seed: int = 0, *, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Pixels `(height, width, 3)` with the slow changes and edges that photographs have."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = sum(
        np.sin(2 * np.pi * (fx * x + fy * y)[..., None] + phase) / (1 + fx + fy)
        for fx, fy, phase in zip(
            random.uniform(0, 6, 8),
            random.uniform(0, 6, 8),
            random.uniform(0, 6, (8, 3)),
            strict=True,
        )
    )
    disc = ((x - random.uniform()) ** 2 + (y - random.uniform()) ** 2 < 0.04)[..., None]
    noise = random.normal(0, 4, (height, width, 3))
    pixels = 128 + 60 * waves + 40 * disc + noise
    found: NDArray[np.uint8] = np.clip(pixels, 0, 255).astype(np.uint8)
    return found


def picture(
    seed: int = 0, *, width: int = 64, height: int = 48, kind: str = "JPEG", mode: str = "RGB"
) -> bytes:
    """An encoded scene; `kind` is one of Pillow's names of formats."""
    image = Image.fromarray(scene(seed, width=width, height=height))
    return encode(image if mode == "RGB" else image.convert(mode), kind)


def pictures(n: int, *, first: int = 0, kind: str = "JPEG") -> dict[str, bytes]:
    """`n` different pictures by name (`p0.jpeg`, ...); other seeds with another `first`."""
    return {
        f"p{seed}.{kind.lower()}": picture(seed, kind=kind) for seed in range(first, first + n)
    }


def coloured(colour: tuple[int, int, int], seed: int = 0, *, size: int = 32) -> bytes:
    """A PNG of about one colour (red, green, blue: 0 to 255), another for each seed."""
    random = np.random.default_rng(seed)
    pixels = np.asarray(colour) + random.normal(0, 12, (size, size, 3)) + random.normal(0, 8, 3)
    return encode(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), "PNG")


def labelled(
    *, each: int = 12, first: int = 0, labels: Sequence[str] = tuple(COLOURS)
) -> dict[str, bytes]:
    """A data set that any backbone tells apart: `label/number.png`, `each` for every label.

    Labels are names of `COLOURS`.
    """
    return {
        f"{label}/{number}.png": coloured(COLOURS[label], number)
        for label in labels
        for number in range(first, first + each)
    }


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """An image as a file of one of Pillow's formats."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def truncated(seed: int = 0, *, kind: str = "JPEG") -> bytes:
    """A picture cut off in the middle of its pixels: the service fails it, and it alone."""
    whole = picture(seed, width=256, height=192, kind=kind)
    return whole[: len(whole) // 2]


def zipped(files: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(
    files: Mapping[str, bytes],
    *,
    mode: Literal["w", "w:gz"] = "w",
    kind: int = tarfile.PAX_FORMAT,
) -> bytes:
    """A tar of files by name, gzipped with `mode="w:gz"`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=kind, encoding="utf-8") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
