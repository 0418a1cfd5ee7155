"""Which pictures the tour shows: the user's folder, or photographs from installed packages."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from zoo.client import Upload, gather
from zoo.errors import InvalidError

PACKAGES = {"skimage": "data", "sklearn": "datasets/images"}
"""Packages with photographs in their wheels, and where."""
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png"),
    *("coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png"),
    *("moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png", "retina.jpg"),
    *("rocket.jpg", "china.jpg", "flower.jpg"),
)
"""Those that are photographs, not drawings or test patterns."""
NOT_A_PICTURE = "README.txt"
FAVOURITES = ("chelsea.png", "coffee.png")
"""A cat and a cup: what a net trained on ImageNet has names for."""
LABELS_NEEDED = 2
PICTURES_A_LABEL = 4


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """What to ingest, and two pictures among it that Pillow can open, to ask about."""

    origin: str
    uploads: tuple[Upload, ...]
    favourites: tuple[Upload, ...]
    note: str


def choose(folder: Path | None) -> Photographs:
    """The tour's pictures; raises `InvalidError` when there are none."""
    return _of_packages() if folder is None else _of_folder(folder)


def crop(picture: Path, *, share: float = 0.6, longer_side: int = 256) -> bytes:
    """The middle of a picture, made smaller and stored as another JPEG."""
    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    margin = (1 - share) / 2
    width, height = image.size
    box = (width * margin, height * margin, width * (1 - margin), height * (1 - margin))
    part = image.crop(box)
    part.thumbnail((longer_side, longer_side))
    stored = io.BytesIO()
    part.save(stored, "JPEG", quality=80)
    return stored.getvalue()


def _of_packages() -> Photographs:
    folders = [_package_folder(name, inside) for name, inside in PACKAGES.items()]
    names = (*PHOTOGRAPHS, NOT_A_PICTURE)
    uploads = tuple(
        Upload(path=folder / name, name=name)
        for folder in folders
        for name in names
        if (folder / name).is_file() and not (name == NOT_A_PICTURE and folder != folders[0])
    )
    favourites = tuple(one for one in uploads if one.name in FAVOURITES)
    return Photographs(
        origin="photographs that ship with scikit-image and scikit-learn, "
        "and a text file on purpose",
        uploads=uploads,
        favourites=favourites or _openable(uploads),
        note="",
    )


def _of_folder(folder: Path) -> Photographs:
    uploads = gather([folder])
    favourites = _openable(uploads)
    if not favourites:
        raise InvalidError(
            f"none of the {len(uploads)} files in {folder} can be opened as a picture",
            code="no_files",
        )
    return Photographs(
        origin=f"what is in {folder}",
        uploads=uploads,
        favourites=favourites,
        note=_note_on_labels(folder, uploads),
    )


def _package_folder(name: str, inside: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InvalidError(
            f"the demo needs {name}; install it with: pip install 'featurezoo[demo]'",
            code="package_missing",
        )
    return Path(spec.submodule_search_locations[0]) / inside


def _openable(uploads: Sequence[Upload], wanted: int = 2) -> tuple[Upload, ...]:
    found: list[Upload] = []
    for upload in uploads:
        if len(found) == wanted:
            break
        if _can_be_opened(upload.path):
            found.append(upload)
    return tuple(found)


def _can_be_opened(picture: Path) -> bool:
    try:
        with Image.open(picture) as image:
            image.load()
    except Exception:  # noqa: BLE001  # Pillow raises many kinds for bytes that are no picture
        return False
    return True


def _note_on_labels(folder: Path, uploads: Sequence[Upload]) -> str:
    counts: dict[str, int] = {}
    for upload in uploads:
        top, _, rest = upload.name.partition("/")
        counts[top] = counts.get(top, 0) + bool(rest)
    labels = [name for name, count in counts.items() if count >= PICTURES_A_LABEL]
    if len(labels) < LABELS_NEEDED:
        return ""
    return (
        f"{folder} has {len(labels)} sub-folders that could be labels: "
        "zip it, POST it to /v1/datasets/NAME/items, and fine-tune on it as on the digits below"
    )
