"""The plugin of `docs/plugins.md` around a network of Keras, made from the document's own text."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE = re.compile(r"`([\w.]+)`\n\n```\w+\n(.*?)```", re.DOTALL)
SAVE = """
import keras
keras.utils.set_random_seed(3)
shape = (224, 224, 3)
model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=shape)
model.save_weights("mobilenet_v2.weights.h5")
"""
COMPARE = """
import keras
import numpy as np
import torch
from zoo.inference.loading import load_backbone
from zoo.predictor import BackboneRef
from pathlib import Path

ref = BackboneRef(plugin="keras", architecture="mobilenet_v2", weights="imagenet")
loaded = load_backbone(ref, weights_cache=Path("cache"))
pixels = np.random.default_rng(0).uniform(-1, 1, (2, 224, 224, 3)).astype(np.float32)
model = keras.applications.MobileNetV2(
    weights="mobilenet_v2.weights.h5", include_top=False, input_shape=(224, 224, 3), pooling="avg"
)
with torch.no_grad():
    found = loaded.image_tower.module(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
print(abs(found - model.predict(pixels, verbose=0)).max() < 1e-5, loaded.detail.layer_shapes)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the files of the document, as if installed, and a file of weights."""
    folder: Path = tmp_path_factory.mktemp("keras")
    text = (ROOT / "docs" / "plugins.md").read_text().partition("## A network of another")[2]
    files = dict(FILE.findall(text))
    for name in ("zoo_keras.py", "zoo_keras_network.py"):
        (folder / name).write_text(files[name])
    about = folder / "zoo_keras-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-keras\nVersion: 0.1.0\n")
    [point] = re.findall(r'^keras = "(.*)"$', files["pyproject.toml"], re.MULTILINE)
    (about / "entry_points.txt").write_text(f"[zoo.backbones]\nkeras = {point}\n")
    run(folder, "-c", SAVE)
    return folder


def run(folder: Path, *arguments: str) -> str:
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    ended = subprocess.run(
        [sys.executable, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OMP_NUM_THREADS": "1",
            "KERAS_BACKEND": "torch",
            "KERAS_WEIGHTS": str(folder),
            "KERAS_HOME": str(folder / "home"),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_it_keeps_what_every_plugin_promises(place: Path) -> None:
    assert "plugin 'keras' keeps its promises" in run(
        place, "-m", "zoo.cli", "plugin", "check", "keras"
    )


def test_it_gives_what_keras_gives_and_taps_what_it_names(place: Path) -> None:
    same, _, shapes = run(place, "-c", COMPARE).partition(" ")

    assert same == "True"
    assert "'top': (1280, 7, 7)" in shapes
    assert "'early': (32, 28, 28)" in shapes
