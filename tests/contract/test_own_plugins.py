"""Our own plugins keep what any plugin promises."""

import tempfile
from pathlib import Path

import pytest

import zoo_transformers
from tests.tiny_models import save_image_model, save_pair
from zoo.testing import tiny, tiny_texts
from zoo.testing.contract import PluginContract


class TestLite(PluginContract):
    plugin = "lite"


class TestTiny(PluginContract):
    plugin = tiny.plugin
    name = "tiny"


class TestTinyTexts(PluginContract):
    plugin = tiny_texts.plugin
    name = tiny_texts.NAME


class TestTransformers(PluginContract):
    plugin = "transformers"
    models = ("transformers.all-minilm-l6-v2.pretrained", "transformers.all-minilm-l6-v2.random")


class TestTransformersPairs(PluginContract):
    """Two towers, each held against every promise."""

    plugin = zoo_transformers.plugin
    name = "pairs"
    models = ("pairs.clip.pretrained", "pairs.siglip.random", "pairs.vit.pretrained")

    @classmethod
    def setup_class(cls) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            save_pair(Path(folder, "clip"))
            save_pair(Path(folder, "siglip"), "siglip")
            save_image_model(Path(folder, "vit"))
            patch.setenv("ZOO_TRANSFORMERS_MODELS", folder)
            super().setup_class()
