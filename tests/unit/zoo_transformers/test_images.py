"""Image encoders give what transformers gives for the same picture, and so do their heads."""

import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoModelForImageClassification

from tests.tiny_models import IMAGE_TYPES, save_image_model
from zoo.backbone import IMAGE
from zoo.testing.pictures import scene
from zoo_transformers.families import READOUTS


def pixels(folder) -> torch.Tensor:
    images = [Image.fromarray(scene(seed, width=50, height=40)) for seed in range(3)]
    return AutoImageProcessor.from_pretrained(folder)(images, return_tensors="pt").pixel_values


def test_every_family_that_is_known_is_tried_here():
    assert set(IMAGE_TYPES) == set(READOUTS)


@pytest.mark.parametrize("model_type", IMAGE_TYPES)
def test_every_family_gives_what_its_own_classifiers_are_put_on(models, load, model_type):
    folder = save_image_model(models / "tiny", model_type)
    network = AutoModel.from_pretrained(folder).eval()
    given = pixels(folder)

    backbone = load("tiny")
    vectors = backbone.towers[IMAGE].module(given)

    found = network(given)
    is_token = READOUTS[model_type] == "class_token"
    expected = found.last_hidden_state[:, 0] if is_token else found.pooler_output
    torch.testing.assert_close(vectors, expected, atol=1e-5, rtol=1e-5)
    assert vectors.shape == (3, backbone.dim)


@pytest.mark.parametrize("model_type", ["vit", "swin", "convnext", "beit"])
def test_a_classifier_in_the_checkpoint_is_the_native_head(models, load, model_type):
    labels = ("cat", "crane", "crane")
    folder = save_image_model(models / "tiny", model_type, labels=labels)
    network = AutoModelForImageClassification.from_pretrained(folder).eval()
    given = pixels(folder)

    backbone = load("tiny")
    head = backbone.native_head

    assert head.labels == ("cat", "crane (1)", "crane (2)")
    logits = backbone.towers[IMAGE].module(given) @ head.matrix.T + head.bias
    torch.testing.assert_close(logits, network(given).logits, atol=1e-5, rtol=1e-5)


def test_a_classifier_on_more_than_the_embedding_is_no_native_head(models, load):
    save_image_model(models / "tiny", "dinov2", labels=("cat", "dog"))

    assert load("tiny").native_head is None


def test_blocks_are_the_embeddings_and_the_layers_with_the_norm_behind_them(models, load):
    save_image_model(models / "tiny", "vit")

    assert load("tiny").towers[IMAGE].blocks == (
        "network.embeddings",
        "network.layers.0",
        "network.layers.1",
    )
