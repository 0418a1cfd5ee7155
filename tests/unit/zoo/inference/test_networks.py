import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tests.tuned import shake, tuned_file
from zoo.errors import DamagedError, InvalidError, PluginError
from zoo.inference.agreement import LEAST_COSINE
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.engines.onnx import OnnxEngine
from zoo.inference.exporting import export
from zoo.inference.exports import ExportRequest, write_request
from zoo.inference.loading import describe_network, load_backbone
from zoo.inference.models import ModelCache
from zoo.inference.networks import write_network
from zoo.predictor import BackboneRef, NetworkRef
from zoo.settings import Settings
from zoo.storage.blobs import file_sha256


def pointing(ref: BackboneRef, path: Path) -> BackboneRef:
    key = f"versions/{path.name}"
    return replace(
        ref, network=NetworkRef(version="pets:3", blob_key=key, sha256=file_sha256(path))
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.safetensors"


@pytest.fixture
def load(tmp_path, path, tiny_ref):
    return lambda: load_backbone(pointing(tiny_ref, path), weights_cache=tmp_path, network=path)


def test_a_tuned_network_is_loaded_bit_by_bit_in_a_space_of_its_own(
    give, tiny, tiny_ref, tmp_path, path, load
):
    give(lambda _: tiny(head=True))
    plain = load_backbone(tiny_ref, weights_cache=tmp_path)
    tuned = load_backbone(tiny_ref, weights_cache=tmp_path)
    shake(tuned, seed=1)
    size = replace(tuned.image_tower.preprocessing, input_size=(16, 16), resize=16)
    write_network(path, replace(tuned.image_tower, preprocessing=size))

    loaded = load()

    found, written = (one.image_tower.module.state_dict() for one in (loaded, tuned))
    assert all(torch.equal(found[name], written[name]) for name in written)
    assert loaded.image_tower.preprocessing == size
    assert loaded.ref.name == "pets:3"
    assert loaded.detail.labels is None
    assert loaded.detail.towers == ("image",)
    assert loaded.detail.space.space_id != plain.detail.space.space_id
    assert loaded.detail == describe_network(tiny_ref, path, name="pets", weights_cache=tmp_path)


def test_the_same_network_makes_the_same_file(give, tiny, tiny_ref, tmp_path):
    give(lambda _: tiny())
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for file in files:
        tuned_file(file, tiny_ref, cache=tmp_path)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_was_tuned_in_float32_is_not_rounded_to_what_the_plugin_computes_in(
    give, tiny, tiny_ref, tmp_path, path, load
):
    give(lambda _: tiny())
    detail = tuned_file(path, tiny_ref, cache=tmp_path)
    give(lambda _: tiny(module=tiny().towers["image"].module.bfloat16()))

    assert load().detail.space.space_id == detail.space.space_id


def test_tensors_of_one_memory_are_kept_each_under_its_name(give, tiny, tiny_ref, tmp_path, path):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Conv2d(3, 3, 1, bias=False)
            self.again = self.scale

        def forward(self, pixels):
            return self.again(pixels).mean((2, 3))

    give(lambda _: tiny(module=Tied()))
    tuned_file(path, tiny_ref, cache=tmp_path)
    assert sorted(load_file(path)) == ["again.weight", "scale.weight"]


def test_a_file_that_is_not_what_was_stored_is_refused(give, tiny, tiny_ref, tmp_path, path):
    give(lambda _: tiny())
    tuned_file(path, tiny_ref, cache=tmp_path)
    ref = pointing(tiny_ref, path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError) as caught:
        load_backbone(ref, weights_cache=tmp_path, network=path)
    assert caught.value.detail == (
        f"the network 'versions/network.safetensors' has the checksum {file_sha256(path)}; "
        f"it should be {ref.network.sha256}"
    )


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (None, "KeyError: 'network'"),
        ({"network": "no JSON"}, "JSONDecodeError: "),
        ({"network": json.dumps({"format": "1"})}, "ValueError: its format is '1', not"),
    ],
)
def test_a_safetensors_file_of_something_else_is_refused(give, tiny, path, load, about, reason):
    give(lambda _: tiny())
    save_file({"scale.weight": torch.zeros(1)}, path, about)
    with pytest.raises(DamagedError) as caught:
        load()
    assert caught.value.detail.startswith(
        f"the network 'versions/network.safetensors' cannot be read: {reason}"
    )


def test_a_plugin_that_builds_another_architecture_by_now_is_named(
    give, tiny, tiny_ref, tmp_path, path, load
):
    give(lambda _: tiny())
    tuned_file(path, tiny_ref, cache=tmp_path)

    class Wider(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, pixels):
            return self.scale(pixels).mean((2, 3))

    give(lambda _: tiny(module=Wider()))
    with pytest.raises(PluginError) as caught:
        load()
    assert caught.value.detail == (
        "the network of 'pets:3' does not go onto what fake.tiny.w is now: 1 tensors do not fit, "
        "scale.bias among them; install the release of the plugin that it was tuned with"
    )


def test_a_network_without_its_file_is_never_taken_for_the_one_it_came_from(
    give, tiny, tiny_ref, tmp_path
):
    give(lambda _: tiny())
    ref = replace(tiny_ref, network=NetworkRef(version="pets:3", blob_key="a/b", sha256=""))
    with pytest.raises(InvalidError, match=r"^loading 'pets:3' with its network takes the netw"):
        load_backbone(ref, weights_cache=tmp_path)


def test_a_tuned_network_is_exported_like_any_other(give, tiny, tiny_ref, tmp_path, path, load):
    give(lambda _: tiny(head=True))
    tuned_file(path, tiny_ref, cache=tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), np.uint8)
    asked = ExportRequest(
        backbone=pointing(tiny_ref, path), weights_cache=tmp_path, folder=tmp_path, network=path
    )
    write_request(asked, pixels)

    made = export(asked)

    assert made.cosine > LEAST_COSINE
    assert made.head_sha256 == ""
    expected = EagerEngine(load()).embed(pixels)
    found = OnnxEngine(tmp_path / "graph.onnx").embed(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_models_are_loaded_with_the_network_of_the_blob_store(give, tiny, tiny_ref, tmp_path):
    give(lambda _: tiny())
    path = tmp_path / "blobs" / "versions" / "network.safetensors"
    path.parent.mkdir(parents=True)
    detail = tuned_file(path, tiny_ref, cache=tmp_path)
    models = ModelCache(Settings(home=tmp_path))

    tuned = models.get(pointing(tiny_ref, path))
    plain = models.get(tiny_ref)

    assert tuned.detail == detail
    assert plain.detail.space.space_id != detail.space.space_id


@pytest.mark.slow
def test_a_tuned_lite0_forwards_without_torch_once_it_is_exported(lite0, tmp_path):
    path = tmp_path / "blobs" / "versions" / "network.safetensors"
    path.parent.mkdir(parents=True)
    detail = tuned_file(path, lite0, cache=tmp_path / "weights")
    ref = replace(pointing(lite0, path), space_id=detail.space.space_id)
    models = ModelCache(Settings(home=tmp_path))
    pixels = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), np.uint8)
    built = models.get(ref).image_engine.embed(pixels)

    models.export(ref, detail, samples=lambda: pixels)

    exported = models.get(ref)
    assert not exported.is_built
    assert exported.engine_name != "eager"
    np.testing.assert_allclose(exported.image_engine.embed(pixels), built, atol=1e-3)
