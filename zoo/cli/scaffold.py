"""Writes the folder of a new plugin: source, weights, tests, README."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

import zoo
from zoo.errors import InvalidError
from zoo.registry.plugins import installed_plugins

TEMPLATES = Path(__file__).with_name("plugin_template")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,48}[a-z0-9])?")
_SIDE = 7
_ANGLES = 9
_COLOURS = 6
_FILTERS = _COLOURS + 2 * _ANGLES
_MIXED = 48
_SEED = 0

FloatArray = npt.NDArray[np.float32]


def write_plugin(name: str, folder: Path) -> Path:
    """Make the distribution of a plugin in a folder that is not there yet; returns the folder.

    Raises `InvalidError` for a name that cannot be used and a folder that is there.
    """
    _check(name, folder)
    words = {
        "name": name,
        "module": module_of(name),
        "distribution": distribution_of(name),
        "zoo_version": zoo.__version__,
    }
    package = folder / "src" / words["module"]
    places = {
        "pyproject.toml": folder,
        "README.md": folder,
        "__init__.py": package,
        "plugin.py": package,
        "network.py": package,
        "test_plugin.py": folder / "tests",
    }
    for file, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / f"{file}.txt").read_text("utf-8")
        (place / file).write_text(Template(text).substitute(words), "utf-8")
    (package / "py.typed").touch()
    (package / "weights.safetensors").write_bytes(save(dict(weights())))
    return folder


def distribution_of(name: str) -> str:
    """The distribution of a new plugin."""
    return f"zoo-plugin-{name.replace('_', '-')}"


def module_of(name: str) -> str:
    """Its import name."""
    return f"zoo_plugin_{name.replace('-', '_')}"


def _check(name: str, folder: Path) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidError(
            f"plugin name {name!r} is not allowed; use up to 50 of a-z, 0-9, '_' and '-', "
            "a letter or digit at both ends",
            code="invalid_name",
        )
    for plugin in installed_plugins():
        if plugin.name == name and plugin.distribution != distribution_of(name):
            raise InvalidError(
                f"a plugin {name!r} is installed already, by {plugin.distribution}; "
                "choose another name",
                code="name_taken",
            )
    if folder.exists():
        raise InvalidError(
            f"there is a {folder} already; remove it or choose another name", code="folder_exists"
        )


def weights() -> Mapping[str, FloatArray]:
    """Parameters of the template's network, by hand: colours, edges, and a fixed mixture.

    `stem.0.weight` (24, 3, 7, 7), `mixing.0.weight` (48, 24, 1, 1) and their biases.
    """
    random = np.random.default_rng(_SEED)
    mixture = random.standard_normal((_MIXED, _FILTERS, 1, 1)) * np.sqrt(2 / _FILTERS)
    return {
        "stem.0.weight": np.concatenate([_colours(), _edges()]).astype(np.float32),
        "stem.0.bias": np.zeros(_FILTERS, np.float32),
        "mixing.0.weight": mixture.astype(np.float32),
        "mixing.0.bias": np.zeros(_MIXED, np.float32),
    }


def _colours() -> npt.NDArray[np.float64]:
    """Above and below the mean, for red, green and blue, in a soft window."""
    signs = np.concatenate([np.eye(3), -np.eye(3)])
    found: npt.NDArray[np.float64] = signs[:, :, None, None] * _window() / _window().sum()
    return found


def _edges() -> npt.NDArray[np.float64]:
    """Gabor filters on brightness at `_ANGLES` angles, each with its negative."""
    y, x = np.mgrid[:_SIDE, :_SIDE] - _SIDE // 2
    turned = [
        np.sin(2 * np.pi / _SIDE * (x * np.cos(angle) + y * np.sin(angle))) * _window()
        for angle in np.pi * np.arange(_ANGLES) / _ANGLES
    ]
    plain = np.stack(turned)[:, None] / np.abs(turned[0]).sum()
    return np.concatenate([plain, -plain]).repeat(3, axis=1)


def _window() -> npt.NDArray[np.float64]:
    steps = np.arange(_SIDE) - _SIDE // 2
    bell = np.exp(-((steps / 2.0) ** 2))
    found: npt.NDArray[np.float64] = np.outer(bell, bell)
    return found
