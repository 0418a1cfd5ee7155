"""What brings a network onto a GPU, with the CPU in the GPU's place."""

import numpy as np
import pytest
import structlog.testing
import torch
from torch import nn
from torch._dynamo.utils import counters

from zoo.inference.engines.batches import BatchEngine
from zoo.inference.engines.device import open_on_device, open_texts_on_device, usable
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.loading import load_backbone
from zoo.inference.placement import Placement
from zoo.predictor import BackboneRef
from zoo.testing import tiny, tiny_texts

COMPILED = Placement(batch=4, is_compiled=True)
EAGER = Placement(batch=4)
NOWHERE = Placement(device="cuda:99", batch=4)
ONTO_ITSELF = "eager"
"""The compiler's backend that captures a network and runs what it captured as it is."""


class Twofaced(nn.Module):
    """Gives something else as soon as it is compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Conv2d(3, 3, 1)

    def forward(self, pixels):
        output = self.scale(pixels).mean((2, 3))
        return -output if torch.compiler.is_compiling() else output


class Mean(nn.Module):
    """The mean of each channel."""

    def forward(self, maps):
        return maps.mean((2, 3))


@pytest.fixture
def colours(tmp_path):
    """The tiny backbone, loaded."""
    ref = BackboneRef(plugin="fake", architecture=tiny.ARCHITECTURE, weights=tiny.TAG)
    return lambda: load_backbone(ref, weights_cache=tmp_path)


@pytest.fixture(autouse=True)
def tiny_backbone(give):
    give(tiny.plugin.load)


def pixels(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3), np.uint8)


def events(logs) -> list[tuple[str, str]]:
    return [(line["event"], line["engine"]) for line in logs]


def test_a_compiled_network_gives_what_the_cpu_gives_in_batches_of_one_shape(colours):
    expected = EagerEngine(colours()).embed(pixels(9))

    with structlog.testing.capture_logs() as logs:
        engine = open_on_device(colours(), COMPILED, samples=pixels(3), backend=ONTO_ITSELF)

    assert isinstance(engine, BatchEngine)
    assert (engine.name, engine.busy_s) == ("cpu compiled", 0.0)
    np.testing.assert_allclose(engine.embed(pixels(9)), expected, atol=1e-5)
    assert events(logs) == [("on_device", "cpu compiled")]
    assert logs[0]["cosine"] >= 0.9999


def test_the_tenth_model_of_a_process_is_compiled_like_the_first(give, tiny, tiny_ref, tmp_path):
    torch.compiler.reset()
    before = counters["stats"]["unique_graphs"]

    for size in range(1, 11):
        network = nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(size)], Mean())
        give(tiny(module=network, blocks=(), layers=()))
        loaded = load_backbone(tiny_ref, weights_cache=tmp_path)
        assert open_on_device(loaded, COMPILED, backend=ONTO_ITSELF)

    assert counters["stats"]["unique_graphs"] - before == 10


@pytest.mark.slow
def test_the_real_compiler_gives_what_the_cpu_gives(colours):
    expected = EagerEngine(colours()).embed(pixels(5))

    engine = open_on_device(colours(), COMPILED)

    assert engine is not None
    assert engine.name == "cpu compiled"
    np.testing.assert_allclose(engine.embed(pixels(5)), expected, atol=1e-5)


def test_what_cannot_be_compiled_runs_as_it_is_and_the_log_says_so(colours):
    with structlog.testing.capture_logs() as logs:
        engine = open_on_device(colours(), COMPILED, backend="nonesuch")

    assert engine is not None
    assert engine.name == "cpu eager"
    assert events(logs) == [("engine_refused", "cpu compiled"), ("on_device", "cpu eager")]
    assert "nonesuch" in logs[0]["reason"]


def test_what_gives_other_numbers_compiled_is_refused(give, tiny, tiny_ref, tmp_path):
    give(tiny(module=Twofaced()))
    loaded = load_backbone(tiny_ref, weights_cache=tmp_path)

    with structlog.testing.capture_logs() as logs:
        engine = open_on_device(loaded, COMPILED, backend=ONTO_ITSELF)

    assert engine is not None
    assert engine.name == "cpu eager"
    assert logs[0]["reason"] == "it agrees with the CPU to 0.000000 only"


def test_what_a_device_does_not_take_stays_on_the_cpu(colours):
    loaded = colours()
    expected = EagerEngine(colours()).embed(pixels(2))

    with structlog.testing.capture_logs() as logs:
        engine = open_on_device(loaded, NOWHERE)

    assert engine is None
    assert events(logs) == [("engine_refused", "cuda:99 eager")]
    np.testing.assert_array_equal(EagerEngine(loaded).embed(pixels(2)), expected)


def test_without_a_gpu_that_torch_can_use_the_cpu_forwards():
    if torch.cuda.is_available():
        pytest.fail("this test is about machines without a GPU; CUDA_VISIBLE_DEVICES= hides it")
    with structlog.testing.capture_logs() as logs:
        found = usable(Placement(device="cuda", batch=256, decoders=4))

    assert found == Placement()
    assert [line["event"] for line in logs] == ["gpu_unusable"]


def test_texts_stay_on_the_cpu_where_a_device_gives_nothing(give, tmp_path):
    give(tiny_texts.plugin.load)
    ref = BackboneRef(plugin="fake", architecture="words", weights="v1")
    loaded = load_backbone(ref, weights_cache=tmp_path)
    tower = loaded.text_tower
    assert tower is not None
    expected = open_texts_on_device(loaded, tower, EAGER).embed(["one two"]).vectors

    with structlog.testing.capture_logs() as logs:
        engine = open_texts_on_device(loaded, tower, NOWHERE)

    np.testing.assert_array_equal(engine.embed(["one two"]).vectors, expected)
    assert events(logs) == [("engine_refused", "texts")]


def test_bfloat16_is_another_space_near_by(tmp_path, colours):
    ref = BackboneRef(
        plugin="fake", architecture=tiny.ARCHITECTURE, weights=tiny.TAG, precision="bfloat16"
    )
    exact, rounded = colours(), load_backbone(ref, weights_cache=tmp_path)

    engine = open_on_device(rounded, EAGER, samples=pixels(2))

    assert engine is not None
    vectors, expected = engine.embed(pixels(6)), EagerEngine(exact).embed(pixels(6))
    assert vectors.dtype == np.float32
    assert not np.array_equal(vectors, expected)
    np.testing.assert_array_equal(vectors, EagerEngine(rounded).embed(pixels(6)))
    cosines = (vectors * expected).sum(1) / (
        np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    )
    assert cosines.min() > 0.999
    assert rounded.detail.space.space_id != exact.detail.space.space_id
    assert rounded.detail.weights_hash == exact.detail.weights_hash
    assert rounded.ref.name == "fake.colours.v1:bf16"
