"""Layers of real architectures, untrained, against hooks of the network's own forward."""

import numpy as np
import pytest
import torch
from torch import nn

from zoo.errors import InvalidError
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.predictor import BackboneRef
from zoo.taps import Form, Tap, input_size_of, make_tap


def build(plugin: str, architecture: str, tmp_path) -> LoadedBackbone:
    ref = BackboneRef(plugin=plugin, architecture=architecture, weights="random")
    return load_backbone(ref, weights_cache=tmp_path)


def tap_of(loaded: LoadedBackbone, layer: str, **form: str) -> Tap:
    detail = loaded.detail
    return make_tap(
        f"{layer} {form}",
        layer,
        shape=detail.layer_shapes[layer],
        form=Form(**form),
        input_size=input_size_of(detail.space),
    )


def pixels_for(loaded: LoadedBackbone, n: int) -> np.ndarray:
    height, width = input_size_of(loaded.detail.space)
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), np.uint8)


def own_outputs(loaded: LoadedBackbone, pixels: np.ndarray, layer: str) -> np.ndarray:
    """What the network's own forward gives at a layer, by torchvision's way of preparing."""
    tower = loaded.image_tower
    mean, std = (torch.tensor(one).reshape(1, 3, 1, 1) for one in
                 (tower.preprocessing.mean, tower.preprocessing.std))  # fmt: skip
    images = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std
    found = []
    module = tower.module.get_submodule(layer)
    hook = module.register_forward_hook(lambda *called: found.append(called[2].clone()))
    with torch.no_grad():
        tower.module(images.contiguous())
    hook.remove()
    return found[-1].numpy()


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert found.shape == expected.shape
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=1e-4 * scale)


@pytest.mark.parametrize(
    ("plugin", "architecture", "layer", "shape"),
    [
        ("torchvision", "vgg16", "features.30", (512, 7, 7)),
        ("torchvision", "resnet50", "layer4", (2048, 7, 7)),
    ],
)
def test_a_map_is_what_the_networks_own_forward_gives(
    plugin, architecture, layer, shape, tmp_path
):
    loaded = build(plugin, architecture, tmp_path)
    pixels = pixels_for(loaded, 2)
    expected = own_outputs(loaded, pixels, layer)
    taps = [
        tap_of(loaded, layer),
        tap_of(loaded, layer, layout="nhwc"),
        tap_of(loaded, layer, pool="mean"),
    ]

    maps, channels_last, means = EagerEngine(loaded).tap(pixels, taps)

    channels, high, wide = shape
    assert maps.shape == (2, channels, high, wide)
    assert channels_last.shape == (2, high, wide, channels)
    assert_close(maps, expected)
    assert_close(channels_last, np.ascontiguousarray(expected.transpose(0, 2, 3, 1)))
    assert_close(means, expected.mean((2, 3)))


def test_a_layer_is_seen_before_the_next_one_writes_over_it(tmp_path):
    loaded = build("torchvision", "resnet18", tmp_path)
    pixels = pixels_for(loaded, 1)
    assert loaded.image_tower.module.get_submodule("relu").inplace
    expected = own_outputs(loaded, pixels, "bn1")

    [found] = EagerEngine(loaded).tap(pixels, [tap_of(loaded, "bn1")])

    assert found.min() < 0
    assert_close(found, expected)


def test_tokens_stay_a_sequence_and_their_mean_is_over_all_of_them(tmp_path):
    loaded = build("timm", "vit_tiny_patch16_224", tmp_path)
    pixels = pixels_for(loaded, 2)
    expected = own_outputs(loaded, pixels, "blocks.11")
    taps = [
        tap_of(loaded, "blocks.11", layout="nhwc"),
        tap_of(loaded, "blocks.11", pool="mean"),
    ]

    tokens, means = EagerEngine(loaded).tap(pixels, taps)

    assert tokens.shape == (2, 197, 192)
    assert_close(tokens, expected)
    assert_close(means, expected.mean(1))


def test_a_network_that_has_its_channels_last_is_turned_when_it_has_to_be(tmp_path):
    loaded = build("torchvision", "swin_t", tmp_path)
    pixels = pixels_for(loaded, 1)
    expected = own_outputs(loaded, pixels, "features.7")
    assert expected.shape == (1, 7, 7, 768)
    taps = [
        tap_of(loaded, "features.7"),
        tap_of(loaded, "features.7", layout="nhwc"),
        tap_of(loaded, "features.7", pool="mean"),
    ]

    maps, channels_last, means = EagerEngine(loaded).tap(pixels, taps)

    assert_close(maps, np.ascontiguousarray(expected.transpose(0, 3, 1, 2)))
    assert_close(channels_last, expected)
    assert_close(means, expected.mean((1, 2)))


class TokensFirst(nn.Module):
    """Gives (tokens, n, dim), as sequence models of old do."""

    def forward(self, pixels):
        return pixels.flatten(2).permute(2, 0, 1)


class Mixing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = TokensFirst()

    def forward(self, pixels):
        return self.tokens(pixels).mean(0)


@pytest.mark.parametrize("n", [1, 2, 64])
def test_a_layer_that_mixes_pictures_in_one_axis_is_refused(n, give, tiny, tiny_ref, tmp_path):
    give(tiny(module=Mixing(), blocks=(), layers=("tokens",)))
    loaded = load_backbone(tiny_ref, weights_cache=tmp_path)
    tap = tap_of(loaded, "tokens")
    pixels = np.zeros((n, 8, 8, 3), np.uint8)

    with pytest.raises(InvalidError) as caught:
        EagerEngine(loaded).tap(pixels, [tap])

    assert caught.value.code == "unknown_layer"
    assert str(caught.value) == (
        f"layer 'tokens' gave (64, {n}, 3), not one array (1, 3) for each picture"
    )


def test_nothing_watches_any_more_when_a_tap_has_failed(give, tiny, tiny_ref, tmp_path):
    give(tiny())
    loaded = load_backbone(tiny_ref, weights_cache=tmp_path)
    engine = EagerEngine(loaded)
    wrong = Tap(name="scale", layer="scale", shape=(9, 9, 9))

    with pytest.raises(InvalidError):
        engine.tap(np.zeros((1, 8, 8, 3), np.uint8), [wrong])

    assert engine.embed(np.zeros((1, 8, 8, 3), np.uint8)).shape == (1, 3)
