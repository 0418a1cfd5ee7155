"""Networks with two towers give what transformers gives, and a text finds its picture."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tests.tiny_models import save_pair
from zoo.backbone import IMAGE, TEXT

TEXTS = ["a red cat", "photograph of a green field under a dog", "dog " * 40]


@pytest.mark.parametrize(("model_type", "padding"), [("clip", True), ("siglip", "max_length")])
def test_both_towers_give_what_transformers_gives(models, load, model_type, padding):
    folder = save_pair(models / "tiny", model_type)
    network = AutoModel.from_pretrained(folder).eval()
    tokens = AutoTokenizer.from_pretrained(folder)(
        TEXTS, padding=padding, truncation=True, max_length=12, return_tensors="pt",
        return_token_type_ids=False,
    )  # fmt: skip
    if model_type == "siglip":  # whose own tokenizer gives none
        tokens.pop("attention_mask")
    pictures = torch.rand(2, 3, 32, 32)

    backbone = load("tiny")
    text, image = backbone.towers[TEXT], backbone.towers[IMAGE]

    expected = network.get_text_features(**tokens).pooler_output
    found = text.module(**text.tokenize(TEXTS))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    expected = network.get_image_features(pixel_values=pictures).pooler_output
    torch.testing.assert_close(image.module(pictures), expected, atol=1e-5, rtol=1e-5)
    assert found.shape == (3, backbone.dim)
    assert text.preprocessing.max_tokens == 12


@pytest.mark.parametrize("model_type", ["clip", "siglip"])
def test_padding_changes_no_vector(models, load, model_type):
    save_pair(models / "tiny", model_type)
    tower = load("tiny").towers[TEXT]

    together = tower.module(**tower.tokenize(TEXTS))
    alone = torch.cat([tower.module(**tower.tokenize([text])) for text in TEXTS])

    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model_type", ["clip", "siglip"])
def test_each_tower_has_blocks_of_its_own(models, load, model_type):
    save_pair(models / "tiny", model_type)
    backbone = load("tiny")

    assert backbone.towers[TEXT].blocks[0] == "encoder.embeddings"
    assert backbone.towers[IMAGE].blocks[0] == "encoder.embeddings"
    assert "encoder.encoder.layers.1" in backbone.towers[TEXT].blocks
