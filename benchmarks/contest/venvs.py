"""Virtual environments for rivals: made once by uv, apart from this project's own."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

SAME = ("torch", "torchvision", "timm", "pillow", "numpy", "psutil", "onnxruntime")
"""What every contestant uses in the version that is installed here."""
GRAPHS = "openvino>=2025.4; platform_machine == 'x86_64' or sys_platform == 'darwin'"
"""What those need who forward our graph; ONNX Runtime is the same for all."""
STAMP = "benchmark.stamp"


class RivalUnavailableError(Exception):
    """A rival cannot be installed here."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a rival's environment holds beside the packages of `SAME`."""

    name: str
    requirements: tuple[str, ...]
    overrides: tuple[str, ...] = ()  # of pins that keep it from running beside a current torch


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="thingsvision",
            requirements=("thingsvision>=2.7",),
            overrides=(
                "accelerate>=1",
                "safetensors>=0.6",
                "tensorflow>=2.16",
                "transformers>=4.40",
                "pytest; sys_platform == 'never'",
            ),
        ),
        Recipe(
            name="clip-retrieval",
            # Its dependency clip-anytorch imports pkg_resources, which setuptools has given up.
            requirements=("clip-retrieval>=2.45", "setuptools<81"),
            overrides=(
                "fire>=0.5",
                "flask-cors>=4",
                "open-clip-torch>=2",
                "pandas>=2",
                "pyarrow>=16",
                "sentence-transformers>=2.2",
                "webdataset>=0.2",
            ),
        ),
        Recipe(name="img2vec-pytorch", requirements=("img2vec-pytorch>=1",)),
        Recipe(name="litserve", requirements=("litserve>=0.2", "python-multipart", GRAPHS)),
        Recipe(name="bentoml", requirements=("bentoml>=1.4", GRAPHS)),
        Recipe(name="fastai", requirements=("fastai>=2.8",)),
        Recipe(name="ray", requirements=("ray[serve]>=2.50", GRAPHS)),
    )
}


def ensure(name: str, folder: Path) -> Path:
    """The Python of a rival's environment, made now unless it is there already.

    Raises `RivalUnavailableError` if it cannot be made.
    """
    recipe = RECIPES[name]
    place = folder / name
    python = place / "bin" / "python"
    stamp = stamp_of(recipe)
    if (place / STAMP).exists() and (place / STAMP).read_text() == stamp:
        return python
    print(f"making an environment for {name} in {place}", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    run_uv("venv", "--quiet", "--python", sys.executable, str(place))
    overrides = folder / f"{name}.overrides.txt"
    overrides.write_text("\n".join([*same_versions(), *recipe.overrides]))
    options = ("--quiet", "--compile-bytecode", "--python", str(python))
    run_uv("pip", "install", *options, "--override", str(overrides), *SAME, *recipe.requirements)
    (place / STAMP).write_text(stamp)
    return python


def installed(name: str, folder: Path) -> dict[str, str]:
    """A rival's own version; empty if it was not installed."""
    python = folder.absolute() / name / "bin" / "python"
    if not name or not python.exists():
        return {}
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    ended = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return {name: ended.stdout.strip()} if ended.stdout else {}


def same_versions() -> list[str]:
    """The packages of `SAME` as they are here."""
    return [f"{name}=={version(name)}" for name in SAME]


def stamp_of(recipe: Recipe) -> str:
    """What changes when an environment has to be made anew."""
    wanted = (sys.version, *same_versions(), *recipe.requirements, *recipe.overrides)
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()


def run_uv(*arguments: str) -> None:
    """Run uv, which is on the path or installed beside this Python."""
    dropped = "PYTHONDONTWRITEBYTECODE"
    environment = {name: value for name, value in os.environ.items() if name != dropped}
    ended = subprocess.run(
        [*find_uv(), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RivalUnavailableError(f"uv {arguments[0]} failed: {last_lines(ended.stderr)}")


def find_uv() -> Sequence[str]:
    """The command that is uv."""
    if importlib.util.find_spec("uv"):
        return (sys.executable, "-m", "uv")
    found = shutil.which("uv")
    if found:
        return (found,)
    raise RivalUnavailableError("rivals are installed by uv, which is not here; pip install uv")


def last_lines(text: str) -> str:
    """The end of what a program said."""
    return " | ".join(text.strip().splitlines()[-3:])
