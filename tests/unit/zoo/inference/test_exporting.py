import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from zoo.errors import PluginError
from zoo.images.sandbox import Sandbox
from zoo.inference.agreement import LEAST_COSINE, agreement
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.engines.onnx import OnnxEngine
from zoo.inference.exporting import export, export_folder
from zoo.inference.exports import ExportRequest, write_request
from zoo.inference.loading import load_backbone
from zoo.inference.models import preprocessing_of
from zoo.inference.sandboxes import decode_limits
from zoo.settings import Settings
from zoo.training.heads import read_head


class Stubborn(nn.Module):
    """Lets itself be watched by no exporter."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(3, 3, 1)

    def forward(self, pixels):
        if torch.jit.is_tracing() or torch.compiler.is_exporting():
            raise RuntimeError("not while you look")
        return self.scale(pixels).mean((2, 3))


class Forgetful(nn.Module):
    """Gives what another number of pictures would: a graph of it is wrong for other batches."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(3, 3, 1)

    def forward(self, pixels):
        return self.scale(pixels).mean((2, 3)) * float(len(pixels.numpy()))


@pytest.fixture
def request_for(tmp_path):
    def make(ref, size: int) -> ExportRequest:
        pixels = np.random.default_rng(1).integers(0, 256, (3, size, size, 3), np.uint8)
        made = ExportRequest(backbone=ref, weights_cache=tmp_path / "weights", folder=tmp_path)
        write_request(made, pixels)
        return made

    return make


def test_lite0s_graph_gives_torchs_numbers_on_photographs(lite0, photograph, tmp_path):
    loaded = load_backbone(lite0, weights_cache=tmp_path / "weights")
    with Sandbox(decode_limits(Settings(home=tmp_path))) as sandbox:
        pictures = [
            sandbox.decode(photograph(name), preprocessing_of(loaded.detail)).pixels
            for name in ("chelsea.png", "coffee.png", "rocket.jpg", "china.jpg")
        ]
    asked = ExportRequest(backbone=lite0, weights_cache=tmp_path / "weights", folder=tmp_path)
    write_request(asked, np.stack(pictures[:2]))

    made = export(asked)

    assert made.reason == ""
    assert made.cosine > LEAST_COSINE
    assert set(made.rates) == {"onnxruntime", "openvino"}
    made.check()
    expected = EagerEngine(loaded).embed(np.stack(pictures))
    found = OnnxEngine(tmp_path / "graph.onnx").embed(np.stack(pictures))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert read_head(tmp_path / "head.safetensors").labels[0] == "tench"


def test_a_network_that_no_graph_can_hold_is_refused_with_the_reasons(
    give, tiny, tiny_ref, request_for
):
    give(tiny(module=Stubborn()))

    made = export(request_for(tiny_ref, 8))

    assert not made.is_ready
    assert made.sha256 == ""
    assert made.detail.dim == 3
    assert "by tracing: RuntimeError: not while you look" in made.reason
    assert "by capturing: " in made.reason


def test_a_graph_that_is_right_for_one_number_of_pictures_only_is_refused(
    give, tiny, tiny_ref, request_for
):
    give(tiny(module=Forgetful()))

    made = export(request_for(tiny_ref, 8))

    assert not made.is_ready
    assert "it agrees with torch to " in made.reason


def test_a_backbone_that_embeds_into_another_space_by_now_is_not_exported(
    give, tiny, tiny_ref, request_for, tmp_path
):
    give(tiny())
    request_for(replace(tiny_ref, space_id="0" * 64), 8)

    export_folder(tmp_path)

    failure = json.loads(Path(tmp_path / "failure.json").read_text())
    assert failure["code"] == "incompatible_space"
    assert failure["class"] == PluginError.__name__
    assert not (tmp_path / "export.json").exists()


@pytest.mark.parametrize(
    ("found", "least"),
    [
        ([[3, 4], [0, 0]], 1.0),
        ([[4, 3], [0, 0]], 0.96),
        ([[6, 8], [0, 0]], 0.0),  # the direction is right, the length is not
        ([[3, 4], [1, 0]], 0.0),
        ([[3, np.nan], [0, 0]], 0.0),
        ([[3, 4, 0], [0, 0, 0]], 0.0),
    ],
)
def test_agreement_is_that_of_the_worst_picture(found, least):
    pixels = np.array([0, 1], np.uint8).reshape(2, 1, 1, 1).repeat(3, axis=3)
    expected = np.array([[3, 4], [0, 0]], np.float32)
    vectors = np.array(found, np.float32)

    class Engine:
        def embed(self, pixels):
            return vectors[pixels[:, 0, 0, 0]]

    assert agreement(Engine(), pixels, expected=expected) == pytest.approx(least, abs=1e-3)
