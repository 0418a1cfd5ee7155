"""What a real GPU gives: the same space, whatever runs on it, and vectors in the right places."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import torch

from zoo.errors import ContentError
from zoo.images.sandbox import Sandbox
from zoo.inference.agreement import LEAST_COSINE, LEAST_OF, worst
from zoo.inference.building import build_model
from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.engines.batches import BatchEngine
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.joining import JoiningEngine
from zoo.inference.loading import load_backbone
from zoo.inference.models import LoadedModel
from zoo.inference.pipeline import embed_contents
from zoo.inference.placement import CUDA, Placement
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings

MODELS = (
    "lite.efficientnet_lite0.in1k",
    "torchvision.resnet50.random",
    "torchvision.vit_b_16.random",
)
COMPILED = Placement(device=CUDA, batch=16, decoders=4, is_compiled=True)
EAGER = Placement(device=CUDA, batch=16)


def ref_of(name: str, precision: str = "float32") -> BackboneRef:
    plugin, architecture, weights = name.split(".", 2)
    return BackboneRef(
        plugin=plugin, architecture=architecture, weights=weights, precision=precision
    )


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def pixels() -> PixelArray:
    """Pieces of photographs, and noise."""
    photographs = [sklearn.datasets.load_sample_image(n) for n in ("china.jpg", "flower.jpg")]
    pieces = [one[y : y + 224, x : x + 224] for one in photographs
              for y in (0, 100, 200) for x in (0, 150, 300, 400)]  # fmt: skip
    noise = np.random.default_rng(1).integers(0, 256, (13, 224, 224, 3), np.uint8)
    return np.concatenate([np.stack(pieces), noise])


def on_cpu(ref: BackboneRef, weights: Path, pixels: PixelArray) -> FloatArray:
    return EagerEngine(load_backbone(ref, weights_cache=weights)).embed(pixels)


def built(ref: BackboneRef, weights: Path, placement: Placement) -> LoadedModel:
    return build_model(ref, weights=weights, placement=placement)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("placement", "engine"), [(COMPILED, "cuda compiled"), (EAGER, "cuda eager")]
)
def test_a_gpu_gives_what_the_cpu_gives(
    name: str, placement: Placement, engine: str, weights: Path, pixels: PixelArray
) -> None:
    expected = on_cpu(ref_of(name), weights, pixels)

    model = built(ref_of(name), weights, placement)
    found = model.image_engine.embed(pixels)

    assert model.engine_name == engine
    assert worst(found, expected) >= LEAST_COSINE


def test_bfloat16_is_near_float32(weights: Path, pixels: PixelArray) -> None:
    name = "torchvision.resnet50.random"
    expected = on_cpu(ref_of(name), weights, pixels)

    model = built(ref_of(name, "bfloat16"), weights, COMPILED)

    assert model.engine_name == "cuda compiled"
    assert worst(model.image_engine.embed(pixels), expected) >= LEAST_OF["bfloat16"]


def test_batches_that_overlap_keep_to_their_own_vectors(weights: Path, pixels: PixelArray) -> None:
    engine = built(ref_of(MODELS[1]), weights, COMPILED).image_engine
    assert isinstance(engine, BatchEngine)
    alone = engine.embed(pixels)

    for _ in range(20):
        parts = [pixels[start : start + 16] for start in range(0, len(pixels), 16)]
        pending = [engine.begin(list(part)) for part in parts]
        np.testing.assert_array_equal(np.concatenate([flight() for flight in pending]), alone)

    assert engine.busy_s > 0


def test_threads_that_ask_at_once_get_their_own(weights: Path, pixels: PixelArray) -> None:
    shared = Placement(device=CUDA, batch=16, is_shared=True)
    engine = built(ref_of(MODELS[1]), weights, shared).image_engine
    assert isinstance(engine, JoiningEngine)
    expected = engine.embed(pixels)
    found: dict[int, FloatArray] = {}

    def ask(place: int) -> None:
        found[place] = engine.embed(pixels[place : place + 1])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(pixels))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    together = np.concatenate([found[place] for place in range(len(pixels))])
    assert worst(together, expected) >= LEAST_COSINE


def test_files_become_vectors_through_several_sandboxes(weights: Path, tmp_path: Path) -> None:
    folder = Path(sklearn.datasets.__file__).parent / "images"
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}
    contents = [((name, n), lambda content=content: content)
                for n in range(40) for name, content in files.items()]  # fmt: skip
    contents.insert(7, (("cut", 0), lambda: files["china.jpg"][:5000]))
    model = built(ref_of(MODELS[0]), weights, COMPILED)
    sandboxes = SandboxPool(decode_limits(Settings(home=tmp_path)), size=4)

    found = dict(embed_contents(contents, model=model, sandbox=sandboxes, batch=16))
    sandboxes.close()

    with Sandbox(decode_limits(Settings(home=tmp_path))) as sandbox:
        decoded = [sandbox.decode(one, model.image_preprocessing).pixels for one in files.values()]
    expected = on_cpu(ref_of(MODELS[0]), weights, np.stack(decoded))
    assert isinstance(found.pop(("cut", 0)), ContentError)
    assert len(found) == 80
    for (name, _), embedded in found.items():
        vector = expected[list(files).index(name)]
        assert worst(embedded.vector[None], vector[None]) >= LEAST_COSINE


def test_memory_stays_as_it_is(weights: Path, pixels: PixelArray) -> None:
    engine = built(ref_of(MODELS[1]), weights, COMPILED).image_engine
    engine.embed(pixels)
    before = torch.cuda.memory_allocated()

    for _ in range(30):
        engine.embed(pixels)

    assert torch.cuda.memory_allocated() == before
