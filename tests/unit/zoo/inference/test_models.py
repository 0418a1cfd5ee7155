import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.exported import some_pixels
from zoo.errors import PluginError, UnavailableError
from zoo.inference.joining import JoiningEngine
from zoo.inference.models import LoadedModel, ModelCache, preprocessing_of
from zoo.inference.placement import Placement
from zoo.predictor import BackboneRef, detail_at
from zoo.settings import EngineChoice, Settings
from zoo.testing import tiny_texts

EXPORTED = ("onnxruntime", "openvino")
"""What an export may run on."""


@pytest.fixture
def models(tmp_path) -> ModelCache:
    return ModelCache(Settings(home=tmp_path))


def test_a_model_is_loaded_once_however_many_ask(models, give, tiny, tiny_ref):
    loads = []
    together = threading.Barrier(8)
    found = []

    def load(request):
        loads.append(request)
        return tiny(head=True)

    def ask():
        together.wait()
        found.append(models.get(tiny_ref))

    give(load)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(loads) == 1
    assert len(found) == 8
    assert all(model is found[0] for model in found)
    assert found[0].native_head.labels == ("red", "green")
    assert found[0].engine.name == "eager"


def test_a_model_that_failed_is_tried_again(models, give, tiny, tiny_ref):
    give(lambda _: 1 / 0)
    with pytest.raises(PluginError):
        models.get(tiny_ref)

    give(tiny())

    assert models.get(tiny_ref).detail.dim == 3


def test_lite0s_pickle_is_converted_once_in_the_home(models, lite0, tmp_path):
    model = models.get(lite0)

    assert model.detail.dim == 1280
    assert model.preprocessing.mean == (0.5, 0.5, 0.5)
    assert len(model.native_head.labels) == 1000
    assert [path.suffix for path in (tmp_path / "weights").iterdir()] == [".safetensors"]


def test_who_waits_for_a_model_that_somebody_else_builds_does_not_for_ever(tmp_path, tiny_ref):
    begun, ended = threading.Event(), threading.Event()

    @contextmanager
    def building(_):
        begun.set()
        ended.wait()
        raise PluginError("it hangs", plugin="tiny")
        yield

    def ask():
        with pytest.raises(PluginError):
            models.get(tiny_ref)

    models = ModelCache(Settings(home=tmp_path, predict_timeout_s=0.05), building=building)
    first = threading.Thread(target=ask)
    first.start()
    begun.wait()
    with pytest.raises(UnavailableError) as caught:
        models.get(tiny_ref)
    ended.set()
    first.join()

    assert caught.value.code == "predictor_busy"
    assert caught.value.detail == (
        f"model {tiny_ref.name!r} is still being loaded; ask again later"
    )


@pytest.fixture
def home_of_its_own(exported_home, tmp_path):
    shutil.copytree(exported_home, tmp_path / "home")
    return tmp_path / "home"


def test_a_model_whose_space_is_exported_gives_what_torch_gives(exported_home, known, lite0):
    exported = ModelCache(Settings(home=exported_home))
    built = ModelCache(Settings(home=exported_home, engine=EngineChoice.EAGER))
    ref = replace(lite0, space_id=known.space.space_id)

    model, other = exported.get(ref), built.get(ref)

    assert model.engine.name in EXPORTED
    assert other.engine.name == "eager"
    assert model.detail == other.detail == known
    assert model.preprocessing == other.preprocessing == preprocessing_of(known)
    assert model.native_head.labels == other.native_head.labels
    np.testing.assert_array_equal(model.native_head.matrix, other.native_head.matrix)
    np.testing.assert_allclose(
        model.engine.embed(some_pixels()), other.engine.embed(some_pixels()), atol=1e-3
    )


@pytest.mark.parametrize("is_online", [False, True])
@pytest.mark.parametrize("wanted", [EngineChoice.ONNXRUNTIME, EngineChoice.OPENVINO])
def test_the_engine_that_is_asked_for_gives_what_the_other_gives(
    exported_home, known, lite0, wanted, is_online
):
    settings = Settings(home=exported_home, engine=wanted)
    models = ModelCache(settings, Placement(is_online=is_online))
    ref = replace(lite0, space_id=known.space.space_id)
    other = ModelCache(Settings(home=exported_home)).get(ref)

    model = models.get(ref)

    assert model.engine_name == wanted
    np.testing.assert_allclose(
        model.image_engine.embed(some_pixels()),
        other.image_engine.embed(some_pixels()),
        atol=1e-3,
    )


def test_an_exported_model_is_had_without_torch(exported_home, known, lite0):
    ref = asdict(replace(lite0, space_id=known.space.space_id))
    code = f"""
import sys
from pathlib import Path
from zoo.inference.models import ModelCache
from zoo.inference.placement import Placement
from zoo.predictor import BackboneRef, detail_at
from zoo.settings import Settings
model = ModelCache(Settings(home=Path({str(exported_home)!r}))).get(BackboneRef(**{ref!r}))
sys.exit("torch" in sys.modules or model.engine.name not in {EXPORTED!r})
"""

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_who_does_not_know_its_space_builds_the_model(exported_home, lite0):
    assert ModelCache(Settings(home=exported_home)).get(lite0).engine.name == "eager"


def test_a_model_that_was_built_is_not_built_again_for_its_space(models, give, tiny, tiny_ref):
    give(tiny())
    built = models.get(tiny_ref)
    give(lambda _: 1 / 0)

    assert models.get(built.ref) is built


def test_a_built_model_gives_way_to_its_export(home_of_its_own, lite0, known):
    (home_of_its_own / "engines").rename(home_of_its_own / "later")
    models = ModelCache(Settings(home=home_of_its_own))
    ref = models.get(lite0).ref
    assert models.get(ref).engine.name == "eager"
    assert not models.is_exported(known)
    (home_of_its_own / "later").rename(home_of_its_own / "engines")

    models.export(ref, known, samples=some_pixels)

    assert models.is_exported(known)
    assert models.get(ref).engine.name in EXPORTED


def test_a_model_whose_layers_are_asked_for_is_built_beside_its_export(
    exported_home, known, lite0
):
    models = ModelCache(Settings(home=exported_home))
    ref = replace(lite0, space_id=known.space.space_id)
    exported = models.get(ref)

    built = models.get_built(ref)

    assert exported.engine_name in EXPORTED
    assert built.engine_name == "eager"
    assert exported.tap_engine is None
    assert built.taps is built.engine
    assert models.get_built(ref) is built
    assert models.get(ref) is exported


def test_a_model_is_built_once_for_its_layers_and_its_embeddings(models, give, tiny, tiny_ref):
    give(tiny())
    built = models.get_built(tiny_ref)
    give(lambda _: 1 / 0)

    assert models.get(tiny_ref) is built
    assert models.get(built.ref) is built
    assert models.get_built(built.ref) is built


def test_a_damaged_export_is_forgotten_and_the_model_built(home_of_its_own, lite0, known):
    (graph,) = home_of_its_own.glob("engines/*/graph.onnx")
    graph.write_bytes(graph.read_bytes()[:-1])
    models = ModelCache(Settings(home=home_of_its_own))

    model = models.get(replace(lite0, space_id=known.space.space_id))

    assert model.engine.name == "eager"
    assert not models.is_exported(known)


def test_a_model_that_builds_into_another_space_is_refused(models, lite0):
    with pytest.raises(PluginError) as caught:
        models.get(replace(lite0, space_id="f" * 64))

    assert caught.value.code == "incompatible_space"
    assert str(caught.value) == (
        "lite.efficientnet_lite0.in1k now embeds into space 3aaf14c4ad48, not ffffffffffff as "
        "when this was asked for: its weights or preprocessing have changed"
    )


def test_with_the_eager_engine_chosen_nothing_is_exported(tmp_path, lite0, known):
    models = ModelCache(Settings(home=tmp_path, engine=EngineChoice.EAGER))

    models.export(lite0, known, samples=some_pixels)

    assert models.is_exported(known)
    assert not (tmp_path / "engines").exists()


@pytest.mark.parametrize("architecture", ["words", "captions"])
def test_a_model_that_takes_texts_stays_in_torch(models, give, architecture):
    give(tiny_texts.plugin.load)
    ref = BackboneRef(plugin="fake", architecture=architecture, weights="v1")

    model = models.get(ref)
    models.export(model.ref, model.detail, samples=some_pixels)

    assert models.is_exported(model.detail)
    assert models.get(model.ref).engine_name == "eager"
    assert (model.engine is None) == (architecture == "words")


def named(ref, name: str):
    return replace(ref, architecture=name)


def test_the_longest_unused_model_makes_room(tmp_path, give, tiny, tiny_ref):
    give(lambda _: tiny())  # 36 bytes of parameters
    models = ModelCache(Settings(home=tmp_path, model_memory_mb=0))

    first = models.get(named(tiny_ref, "first"))
    second = models.get(named(tiny_ref, "second"))

    assert models.get(named(tiny_ref, "second")) is second
    assert models.get(second.ref) is second
    assert models.get(named(tiny_ref, "first")) is not first


def test_what_is_used_again_and_again_stays(tmp_path, give, tiny, tiny_ref, monkeypatch):
    monkeypatch.setattr(LoadedModel, "size_bytes", 400_000_000)
    give(lambda _: tiny())
    models = ModelCache(Settings(home=tmp_path, model_memory_mb=1000))

    first = models.get(named(tiny_ref, "first"))
    for name in ("second", "third", "fourth"):
        models.get(named(tiny_ref, name))
        assert models.get(named(tiny_ref, "first")) is first


def test_a_pinned_model_stays(tmp_path, give, tiny, tiny_ref):
    give(lambda _: tiny())
    pinned = "fake.first.w, fake.other.w"
    models = ModelCache(Settings(home=tmp_path, model_memory_mb=0, pinned_models=pinned))

    first = models.get(named(tiny_ref, "first"))
    models.get(named(tiny_ref, "second"))
    models.get(named(tiny_ref, "third"))

    assert models.get(named(tiny_ref, "first")) is first
    assert models.get(first.ref) is first


@pytest.fixture
def on_gpu(monkeypatch):
    """Where the CPU stands for a GPU: pictures go through its batches, nothing is compiled."""
    monkeypatch.setattr(Placement, "is_gpu", True)
    return Placement(device="cpu", batch=4, decoders=2)


def test_on_a_gpu_a_model_runs_in_torch_though_its_export_is_there(
    exported_home, known, lite0, on_gpu
):
    models = ModelCache(Settings(home=exported_home), on_gpu)
    ref = replace(lite0, space_id=known.space.space_id)
    asked = []

    def samples():
        asked.append(some_pixels())
        return asked[0]

    model = models.get(ref, samples=samples)

    assert models.is_exported(known)  # nothing is left to do
    assert model.engine_name == "cpu eager"
    assert len(asked) == 1
    assert models.get(ref, samples=samples) is model
    assert models.get_built(ref) is model
    exported = ModelCache(Settings(home=exported_home)).get(ref)
    vectors, expected = (one.engine.embed(some_pixels()) for one in (model, exported))
    np.testing.assert_allclose(vectors, expected, atol=1e-3)
    assert len(asked) == 1


def test_on_a_gpu_that_many_ask_they_are_joined(tmp_path, give, tiny, tiny_ref, on_gpu):
    give(tiny())
    models = ModelCache(Settings(home=tmp_path), replace(on_gpu, is_shared=True))

    assert isinstance(models.get(tiny_ref).engine, JoiningEngine)


def test_a_gpu_that_torch_cannot_use_leaves_the_model_on_the_cpu(tmp_path, give, tiny, tiny_ref):
    give(tiny())
    nowhere = Placement(device="cuda:99", batch=4, is_compiled=True)

    model = ModelCache(Settings(home=tmp_path), nowhere).get(tiny_ref)

    assert model.engine_name == "eager"
    assert model.taps is model.engine


def test_bfloat16_is_never_exported(tmp_path, known, lite0):
    models = ModelCache(Settings(home=tmp_path))
    rounded = detail_at(known, "bfloat16")

    models.export(replace(lite0, precision="bfloat16"), rounded, samples=some_pixels)

    assert models.is_exported(rounded)
    assert not (tmp_path / "engines").exists()


def test_a_model_in_bfloat16_takes_half_the_room(models, give, tiny, tiny_ref):
    give(lambda _: tiny())

    sizes = [
        models.get(replace(tiny_ref, precision=name)).size_bytes
        for name in ("float32", "bfloat16")
    ]

    assert sizes == [36, 18]
