from dataclasses import replace

import pytest
import torch
from torch import nn

from zoo.errors import NotFoundError, PluginError, WeightsUnavailableError
from zoo.inference.loading import load_backbone


def reason(ref, path) -> str:
    with pytest.raises(PluginError) as caught:
        load_backbone(ref, weights_cache=path)
    assert caught.value.plugin == ref.plugin
    return str(caught.value)


def test_a_backbone_is_described_by_what_was_built(give, tiny, tiny_ref, tmp_path):
    give(tiny(head=True))

    loaded = load_backbone(tiny_ref, weights_cache=tmp_path)

    assert loaded.detail.dim == 3
    assert loaded.detail.parameters == 9
    assert loaded.detail.blocks == ("scale",)
    assert loaded.detail.labels == ("red", "green")
    assert loaded.detail.space.architecture == "tiny"
    assert loaded.detail.space.weights_hash == loaded.detail.weights_hash
    assert not loaded.image_tower.module.training
    assert not any(p.requires_grad for p in loaded.image_tower.module.parameters())


def test_whole_numbers_in_a_plugins_preprocessing_make_no_other_space(
    give, tiny, tiny_ref, tmp_path
):
    whole = tiny().towers["image"].preprocessing
    give(tiny(preprocessing=whole))
    first = load_backbone(tiny_ref, weights_cache=tmp_path)
    give(tiny(preprocessing=replace(whole, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))))
    second = load_backbone(tiny_ref, weights_cache=tmp_path)

    assert first.detail.space.space_id == second.detail.space.space_id


def test_the_weights_hash_changes_with_a_parameter_and_with_the_head(
    give, tiny, tiny_ref, tmp_path
):
    hashes = []
    for backbone in (tiny(), tiny(), tiny(factor=1.5), tiny(head=True)):
        give(backbone)
        hashes.append(load_backbone(tiny_ref, weights_cache=tmp_path).detail.weights_hash)

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_errors_of_a_loading_plugin_come_through(give, tiny_ref, tmp_path):
    def load(_):
        raise WeightsUnavailableError("pip install them", plugin="fake")

    give(load)

    with pytest.raises(WeightsUnavailableError, match=r"^pip install them$"):
        load_backbone(tiny_ref, weights_cache=tmp_path)


def test_an_unknown_architecture_comes_through(lite0, tmp_path):
    with pytest.raises(NotFoundError, match="no architecture 'resnet'"):
        load_backbone(replace(lite0, architecture="resnet"), weights_cache=tmp_path)


def test_a_plugin_that_fails_to_load_is_named(give, tiny_ref, tmp_path):
    give(lambda _: 1 / 0)

    assert reason(tiny_ref, tmp_path) == (
        "model 'fake.tiny.w' could not be built: ZeroDivisionError: division by zero"
    )


def test_something_else_than_a_backbone_is_refused(give, tiny_ref, tmp_path):
    give(7)

    assert reason(tiny_ref, tmp_path) == (
        "model 'fake.tiny.w' breaks the backbone contract: "
        "load() gave a int, not a zoo.backbone.Backbone"
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"blocks": ("scale", "nose")}, "contract: tower 'image' has no submodule 'nose'"),
        ({"layers": ("ear",)}, "contract: tower 'image' has no submodule 'ear'"),
        ({"module": "net"}, "contract: tower 'image' is a str, not a torch.nn.Module"),
        (
            {"module": nn.Flatten(), "blocks": (), "layers": ()},
            "gives (1, 192) from tower 'image' for one picture, not (1, 3)",
        ),
        (
            {"module": nn.Linear(5, 3), "blocks": (), "layers": ()},
            "cannot forward: RuntimeError: ",
        ),
    ],
)
def test_a_backbone_that_breaks_the_contract_is_refused(
    give, tiny, tiny_ref, tmp_path, changes, fault
):
    give(tiny(**changes))

    assert fault in reason(tiny_ref, tmp_path)


def test_numbers_that_are_not_finite_are_refused(give, tiny, tiny_ref, tmp_path):
    give(tiny(factor=float("nan")))

    assert reason(tiny_ref, tmp_path) == (
        "model 'fake.tiny.w' gives numbers that are not finite from tower 'image'"
    )


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ((), "it has towers []; there may be 'image' and 'text'"),
        (("depth", "image"), "it has towers ['depth', 'image']; there may be 'image' and 'text'"),
        (("text",), "tower 'text' is a Tower, not a zoo.backbone.TextTower"),
    ],
)
def test_a_backbone_with_other_towers_is_refused(give, tiny, tiny_ref, tmp_path, names, fault):
    give(replace(tiny(), towers=dict.fromkeys(names, tiny().towers["image"])))

    assert fault in reason(tiny_ref, tmp_path)


def test_a_head_of_another_size_is_refused(give, tiny, tiny_ref, tmp_path):
    backbone = tiny(head=True)
    head = replace(backbone.native_head, bias=torch.zeros(5))
    give(replace(backbone, native_head=head))

    assert "the native head has a matrix (2, 3) and a bias (5,)" in reason(tiny_ref, tmp_path)


def test_the_space_of_what_was_embedded_before_crop_modes_is_the_same(lite0, tmp_path):
    detail = load_backbone(lite0, weights_cache=tmp_path).detail

    assert detail.space.space_id == (
        "3aaf14c4ad4881832864bd794924ac22797f15c40ade480ff723142c1b2a4786"
    )
    assert detail.head_output == (1, 1000)
    assert detail.layer_shapes["head"] == (1280, 7, 7)
