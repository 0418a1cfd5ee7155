"""Small architectures of every kind, and weights of files on this machine."""

from pathlib import Path

import pytest
import torch
from torchvision import models

from zoo.backbone import LoadRequest
from zoo.errors import NotFoundError, WeightsUnavailableError
from zoo.inference.loading import load_backbone
from zoo.predictor import BackboneRef
from zoo_torchvision.building import build

KINDS = (
    "alexnet",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vit_b_32",
)


def read(path: Path):
    return torch.load(path, weights_only=True)


def load(architecture, weights="random"):
    return build(LoadRequest(architecture=architecture, weights=weights, read_checkpoint=read))


def forward(module, picture):
    with torch.inference_mode():
        return module(picture)


@pytest.mark.parametrize("architecture", KINDS)
def test_an_untrained_network_keeps_the_contract(architecture):
    backbone = load(architecture)
    tower = backbone.towers["image"]

    output = forward(tower.module, torch.rand(2, 3, *tower.preprocessing.input_size))

    assert output.shape == (2, backbone.dim)
    assert torch.isfinite(output).all()
    assert backbone.classes == 1000
    assert backbone.native_head is None
    assert len(tower.blocks) >= 4
    bare = {"class_token", "encoder.pos_embedding"}
    for name, parameter in tower.module.named_parameters():
        holders = [block for block in tower.blocks if name.startswith(f"{block}.")]
        assert len(holders) == 1 or name in bare or parameter.ndim == 1, name


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def publish(folder, architecture, entry):
    """A file as torchvision caches it, of parameters that nobody trained."""
    options = {"init_weights": True} if architecture in {"googlenet", "inception_v3"} else {}
    torch.manual_seed(5)
    network = models.get_model(architecture, weights=None, **options)
    torch.save(network.state_dict(), folder / entry.url.rpartition("/")[2])


@pytest.mark.parametrize(
    ("architecture", "tag"),
    [
        ("resnet18", "imagenet1k_v1"),
        ("mobilenet_v2", "imagenet1k_v2"),
        ("mnasnet0_5", "imagenet1k_v1"),
        ("densenet121", "imagenet1k_v1"),
        ("googlenet", "imagenet1k_v1"),
        ("swin_t", "imagenet1k_v1"),
        ("vit_b_32", "imagenet1k_v1"),
    ],
)
def test_a_cached_file_gives_torchvisions_own_logits(architecture, tag, checkpoints):
    entry = models.get_model_weights(architecture)[tag.upper()]
    publish(checkpoints, architecture, entry)
    backbone = load(architecture, tag)
    tower, head = backbone.towers["image"], backbone.native_head
    picture = torch.rand(1, 3, *tower.preprocessing.input_size)

    logits = forward(models.get_model(architecture, weights=entry).eval(), picture)

    assert head is not None
    assert head.labels == tuple(entry.meta["categories"])
    found = forward(tower.module, picture) @ head.matrix.T + head.bias
    assert found.shape == (1, 1000)
    torch.testing.assert_close(found, logits, atol=1e-4, rtol=1e-4)


def test_a_classifier_of_convolutions_leaves_the_averaged_map(checkpoints):
    entry = models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    publish(checkpoints, "squeezenet1_1", entry)
    backbone = load("squeezenet1_1", "imagenet1k_v1")

    assert backbone.dim == 512
    assert backbone.native_head is None


@pytest.mark.slow
def test_features_without_a_classifier_are_the_flattened_map(checkpoints):
    entry = models.VGG16_Weights.IMAGENET1K_FEATURES
    network = models.vgg16(weights=None, init_weights=False)
    state = network.state_dict()
    for name in state:
        if name.startswith("classifier"):
            state[name].fill_(float("nan"))
    torch.save(state, checkpoints / entry.url.rpartition("/")[2])
    backbone = load("vgg16", "imagenet1k_features")
    tower = backbone.towers["image"]

    output = forward(tower.module, torch.rand(1, 3, 224, 224))

    assert backbone.dim == 512 * 7 * 7
    assert torch.isfinite(output).all()


def test_weights_that_are_not_here_say_how_to_get_them(checkpoints):
    with pytest.raises(WeightsUnavailableError) as caught:
        load("resnet50", "imagenet1k_v2")

    assert str(caught.value) == (
        "the weights of torchvision.resnet50.imagenet1k_v2 are not on this machine; download "
        f"https://download.pytorch.org/models/resnet50-11ad3fa6.pth into {checkpoints}"
    )


def test_an_unknown_tag_and_an_unknown_architecture_are_told_apart():
    with pytest.raises(NotFoundError, match=r"^resnet18 has no weights 'x'; it has imagenet1k_v1"):
        load("resnet18", "x")
    with pytest.raises(NotFoundError, match=r"^torchvision has no classification network 'x'$"):
        load("x")


@pytest.mark.parametrize(
    ("architecture", "shape", "multiply_adds"),
    [
        ("vgg16", (512, 7, 7), 15.47),
        ("resnet50", (2048, 7, 7), 4.09),
        ("mobilenet_v2", (1280, 7, 7), 0.30),
        ("vit_b_32", (50, 768), 4.41),
    ],
)
def test_the_detail_tells_the_last_map_and_the_cost(architecture, shape, multiply_adds, tmp_path):
    ref = BackboneRef(plugin="torchvision", architecture=architecture, weights="random")

    detail = load_backbone(ref, weights_cache=tmp_path).detail

    assert detail.layer_shapes[detail.taps["deep"]] == shape
    assert detail.multiply_adds / 1e9 == pytest.approx(multiply_adds, abs=0.01)
    assert detail.head_output == (1, 1000)
    assert detail.labels is None
    assert set(detail.taps) == {"early", "middle", "deep"}
    assert detail.towers == ("image",)
    assert detail.input_sizes.is_fixed is (architecture == "vit_b_32")


def test_a_network_whose_blocks_stand_in_a_list_keeps_them():
    backbone = load("maxvit_t")

    assert backbone.dim == 512
    assert [name for name in backbone.towers["image"].blocks if name.startswith("blocks.")]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", models.list_models(module=models))
def test_every_network_gives_up_its_classifier(architecture):
    backbone = load(architecture)

    assert backbone.classes == 1000
    assert backbone.dim > 0
