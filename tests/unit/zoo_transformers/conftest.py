from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from zoo.backbone import Backbone, LoadRequest
from zoo.inference.checkpoints import CheckpointReader
from zoo_transformers import plugin


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models that is all that the plugin finds beside its package."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("ZOO_TRANSFORMERS_MODELS", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Backbone]:
    """Builds a model as the zoo does."""

    def load(architecture: str, weights: str = "pretrained") -> Backbone:
        reader = CheckpointReader(plugin="transformers", cache=tmp_path / "weights")
        return plugin.load(
            LoadRequest(architecture=architecture, weights=weights, read_checkpoint=reader)
        )

    return load


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield
