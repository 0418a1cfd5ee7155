"""The real weights of all-MiniLM-L6-v2, from their package."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from zoo.inference.engines.eager_texts import EagerTextEngine
from zoo.inference.loading import load_backbone
from zoo.predictor import BackboneRef
from zoo_transformers import plugin
from zoo_transformers.folders import PACKAGED, find_models

MINILM = BackboneRef(plugin="transformers", architecture=PACKAGED, weights="pretrained")
SPACE = "ec5a81de1144138e55bb79397d10c032efcb81352649369646ce14d39a3fd9b8"
TEXTS = [
    "A man is eating food.",
    "Someone eats a piece of bread.",
    "The stock market fell sharply on Monday.",
    "Shares dropped at the start of the week.",
    "Überraschung: 第三句话 🦓 " * 60,
]


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    return load_backbone(MINILM, weights_cache=tmp_path_factory.mktemp("weights"))


def test_paraphrases_are_nearer_than_other_sentences(minilm):
    vectors = EagerTextEngine(minilm.text_tower).embed(TEXTS[:4]).vectors

    similar = vectors @ vectors.T
    assert np.allclose(np.diag(similar), 1, atol=1e-5)
    assert similar[0, 1] > 0.5
    assert similar[2, 3] > 0.5
    assert similar[:2, 2:].max() < 0.2


def test_vectors_are_those_of_transformers_and_a_mean_by_hand(minilm):
    (model,) = (one for one in find_models().served if one.architecture == PACKAGED)
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    network = AutoModel.from_pretrained(model.folder).eval()
    given = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    hidden, mask = network(**given).last_hidden_state, given["attention_mask"][..., None]
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))

    embedded = EagerTextEngine(minilm.text_tower).embed(TEXTS)

    np.testing.assert_allclose(embedded.vectors, expected.numpy(), atol=1e-5)
    assert embedded.tokens == int(mask.sum())


def test_padding_changes_a_vector_by_less_than_noise(minilm):
    engine = EagerTextEngine(minilm.text_tower)

    together = engine.embed(TEXTS).vectors
    alone = np.concatenate([engine.embed([text]).vectors for text in TEXTS])

    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_its_card_and_its_space_stay_as_they_are(minilm):
    card = next(card for card in plugin.describe() if card.architecture == PACKAGED)
    (weights,) = card.weights

    assert (weights.licence, weights.domain) == ("apache-2.0", "text")
    assert "s2orc" in weights.source_data
    assert card.facts["pooling"] == "mean, normalised"
    assert weights.text_preprocessing == minilm.text_tower.preprocessing
    assert weights.text_preprocessing.max_tokens == 256
    assert minilm.detail.dim == 384
    assert minilm.detail.towers == ("text",)
    assert minilm.detail.space.space_id == SPACE
