"""Small architectures of every kind, end to end, and the weights of files on this machine."""

import pickle

import pytest
import safetensors.torch
import timm
import torch
from torch import nn

from zoo.backbone import LoadRequest
from zoo.errors import NotFoundError, WeightsUnavailableError
from zoo_timm.building import build
from zoo_timm.pooling import pool_if_needed

KINDS = (
    "test_vit",
    "test_resnet",
    "test_byobnet",
    "test_convnext",
    "test_efficientnet",
    "test_mambaout",
    "resnet18",
    "mobilenetv3_small_050",
    "convnext_atto",
    "deit_tiny_distilled_patch16_224",
    "levit_128s",
    "swin_tiny_patch4_window7_224",
    "xcit_nano_12_p16_224",
    "coat_lite_tiny",
    "repvgg_a0",
    "mixer_s32_224",
    "resnetaa34d",
)


def load(architecture, weights="random", read=lambda path: safetensors.torch.load_file(path)):
    request = LoadRequest(architecture=architecture, weights=weights, read_checkpoint=read)
    return build(request)


def forward(module, picture):
    with torch.inference_mode():
        return module(picture)


@pytest.mark.parametrize("architecture", KINDS)
def test_an_untrained_network_keeps_the_contract(architecture):
    backbone = load(architecture)
    tower = backbone.towers["image"]
    picture = torch.rand(2, 3, *tower.preprocessing.input_size)

    first, again = forward(tower.module, picture), forward(tower.module, picture)

    assert first.shape == (2, backbone.dim)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert backbone.native_head is None
    assert backbone.classes == 1000


@pytest.mark.parametrize("architecture", KINDS)
def test_blocks_are_disjoint_and_cover_all_but_norms_and_bare_parameters(architecture):
    tower = load(architecture).towers["image"]
    blocks = dict.fromkeys(tower.blocks)

    assert len(blocks) == len(tower.blocks) >= 2
    for name, parameter in tower.module.named_parameters():
        holders = [block for block in blocks if name.startswith(f"{block}.")]
        assert len(holders) == 1 or "." not in name or parameter.ndim == 1, name


@pytest.mark.parametrize(
    ("architecture", "last"),
    [("test_vit", "blocks.5"), ("starnet_s050", "stages.3"), ("mvitv2_tiny", "stages.3")],
)
def test_the_last_block_is_one_that_can_learn_and_no_norm(architecture, last):
    assert load(architecture).towers["image"].blocks[-1] == last


def test_the_same_seed_gives_the_same_network_and_leaves_torchs_own_alone():
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, second = (load("test_vit").towers["image"].module for _ in range(2))

    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_network_can_be_sent_to_another_process():
    network = load("test_resnet").towers["image"].module
    copied = pickle.loads(pickle.dumps(network))

    picture = torch.rand(1, 3, 160, 160)
    assert torch.equal(forward(copied, picture), forward(network, picture))


def test_blocks_stand_in_forward_order_and_layers_have_their_maps():
    tower = load("resnet18").towers["image"]

    assert tower.blocks == ("conv1", "layer1", "layer2", "layer3", "layer4")
    assert {"layer1.0.conv1", "layer4", "global_pool"} <= set(tower.layers)


def save(folder, architecture, tag, *, seed=3):
    torch.manual_seed(seed)
    network = timm.create_model(f"{architecture}.{tag}", pretrained=False).eval()
    path = folder / f"{architecture}.{tag}.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    return network


@pytest.mark.parametrize(
    ("architecture", "tag"),
    [("test_vit", "r160_in1k"), ("test_resnet", "r160_in1k"), ("resnet18", "a1_in1k")],
)
def test_a_local_file_gives_timms_own_numbers_and_its_classifier(
    architecture, tag, tmp_path, monkeypatch
):
    monkeypatch.setenv("ZOO_TIMM_WEIGHTS", str(tmp_path))
    network = save(tmp_path, architecture, tag)
    backbone = load(architecture, tag)
    tower = backbone.towers["image"]
    picture = torch.rand(2, 3, *tower.preprocessing.input_size)

    embedding = forward(tower.module, picture)
    head = backbone.native_head
    logits = forward(network, picture)

    assert head is not None
    assert head.labels[0] == "tench"
    assert len(set(head.labels)) == 1000
    torch.testing.assert_close(embedding @ head.matrix.T + head.bias, logits)
    network.reset_classifier(0)
    assert torch.equal(embedding, forward(network, picture))


def test_two_classifiers_that_are_averaged_are_no_native_head(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_TIMM_WEIGHTS", str(tmp_path))
    save(tmp_path, "deit_tiny_distilled_patch16_224", "fb_in1k")

    assert load("deit_tiny_distilled_patch16_224", "fb_in1k").native_head is None


def test_a_tag_of_the_hubs_cache_is_found(tmp_path, monkeypatch):
    snapshot = tmp_path / "models--timm--test_vit.r160_in1k" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    save(tmp_path, "test_vit", "r160_in1k")
    (tmp_path / "test_vit.r160_in1k.safetensors").rename(snapshot / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    assert load("test_vit", "r160_in1k").dim == 64


def test_weights_that_are_not_here_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsUnavailableError) as caught:
        load("resnet50", "a1_in1k")

    assert str(caught.value) == (
        "the weights of timm.resnet50.a1_in1k are not on this machine; with a network: "
        "hf download timm/resnet50.a1_in1k; without: put resnet50.a1_in1k.safetensors into the "
        "folder that ZOO_TIMM_WEIGHTS names"
    )


def test_an_unknown_tag_and_an_unknown_architecture_are_told_apart():
    with pytest.raises(NotFoundError, match=r"^test_vit has no weights 'x'; it has r160_in1k,"):
        load("test_vit", "x")
    with pytest.raises(NotFoundError, match=r"has no architecture 'no_such_net'$"):
        load("no_such_net")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", timm.list_models())
def test_the_dimension_is_what_every_network_gives(architecture, monkeypatch):
    """Shapes only, on the meta device, with nothing initialised."""
    for name in ("trunc_normal_", "normal_", "uniform_", "kaiming_normal_", "xavier_uniform_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *_a, **_k: tensor)
    with torch.device("meta"):
        network = timm.create_model(architecture, num_classes=0).eval()
        height, width = network.pretrained_cfg["input_size"][1:]
        pool_if_needed(network, dim=network.head_hidden_size)
        output = network(torch.zeros(1, 3, height, width, device="meta"))

    assert output.shape == (1, network.head_hidden_size)
