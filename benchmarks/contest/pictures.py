"""As many different pictures as a contest needs, from a folder that may hold fewer."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image, ImageOps

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
"""What every contestant reads."""
BEST_QUALITY = 95
QUALITY_STEPS = 8


class NoPicturesError(Exception):
    """The folder has nothing to measure with."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A flat folder of readable pictures and their names, in order."""

    folder: Path
    names: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """The files in the order of their names."""
        return [self.folder / name for name in self.names]


def gather(folder: Path, *, sizes: Sequence[int], into: Path) -> tuple[Pictures, ...]:
    """Sets of the folder's pictures and, where they do not suffice, of altered copies of them.

    No content comes twice, though the folder may hold such copies already. Raises
    `NoPicturesError` if no picture of the folder can be read.
    """
    contents = enumerate(_distinct(_contents(folder)))
    return tuple(
        _write(islice(contents, size), into / f"{number}") for number, size in enumerate(sizes)
    )


def _write(contents: Iterable[tuple[int, tuple[str, bytes]]], folder: Path) -> Pictures:
    folder.mkdir(parents=True)
    names = []
    for position, (suffix, content) in contents:
        names.append(f"{position:06d}{suffix}")
        (folder / names[-1]).write_bytes(content)
    return Pictures(folder=folder, names=tuple(names))


def pack(pictures: Pictures, archive: Path) -> None:
    """All of them in a zip, stored as they are: photographs do not get smaller."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
        for path in pictures.paths:
            writer.write(path, path.name)


def altered(content: bytes, *, turn: int) -> bytes:
    """The picture again as a JPEG, upright, cropped by a few pixels and of another quality.

    No two turns from 1 on give the same bytes.
    """
    with Image.open(io.BytesIO(content)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    left, top = (turn * 3) % 7, turn % 5
    margin = min(1 + turn // 35, min(upright.size) // 8)
    box = (
        min(left, upright.width // 8),
        min(top, upright.height // 8),
        upright.width - margin,
        upright.height - margin,
    )
    buffer = io.BytesIO()
    quality = BEST_QUALITY - turn % QUALITY_STEPS
    upright.crop(box).save(buffer, "JPEG", quality=quality, comment=f"copy {turn}".encode())
    return buffer.getvalue()


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Endlessly: first each readable file as it is, then copies, turn after turn."""
    originals = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        if _is_readable(path):
            originals.append(path)
            yield path.suffix.lower(), path.read_bytes()
    if not originals:
        raise NoPicturesError(
            f"no picture in {folder} can be read; it should hold {', '.join(sorted(SUFFIXES))}"
        )
    turn = 0
    while True:
        turn += 1
        for path in originals:
            yield ".jpg", altered(path.read_bytes(), turn=turn)


def _distinct(contents: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    seen: set[bytes] = set()
    for suffix, content in contents:
        digest = hashlib.sha256(content).digest()
        if digest not in seen:
            seen.add(digest)
            yield suffix, content


def _is_readable(path: Path) -> bool:
    try:
        with Image.open(path) as opened:
            opened.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return path.is_file()
