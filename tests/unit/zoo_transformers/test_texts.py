"""Text encoders give what transformers gives, by one's own hand and whatever the batch."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tests.tiny_models import TEXT_TYPES, save_text_model, write_json
from zoo.backbone import TEXT, TextPreprocessing

TEXTS = [
    "a red cat",
    "The DOG runs over the field under a blue unheard-of thing",
    "cat",
    "photograph of a green field " * 12,
]


def pooled(folder, texts, *, pool) -> torch.Tensor:
    """The reference: transformers' own tokenizer and network, and pooling written out."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModel.from_pretrained(folder).eval()
    given = tokenizer(
        texts, padding=True, truncation=True, max_length=40, return_tensors="pt",
        return_token_type_ids=False,
    )  # fmt: skip
    return pool(network(**given).last_hidden_state, given["attention_mask"][..., None])


def mean(hidden, mask):
    return (hidden * mask).sum(1) / mask.sum(1)


@pytest.mark.parametrize("model_type", TEXT_TYPES)
def test_every_family_gives_the_mean_of_its_tokens(models, load, model_type):
    folder = save_text_model(models / "tiny", model_type)
    backbone = load("tiny")
    tower = backbone.towers[TEXT]

    vectors = tower.module(**tower.tokenize(TEXTS))

    assert backbone.dim == 32
    assert tower.preprocessing.max_tokens == 40
    torch.testing.assert_close(vectors, pooled(folder, TEXTS, pool=mean), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model_type", TEXT_TYPES)
def test_padding_changes_no_vector(models, load, model_type):
    save_text_model(models / "tiny", model_type)
    tower = load("tiny").towers[TEXT]

    together = tower.module(**tower.tokenize(TEXTS))
    alone = torch.cat([tower.module(**tower.tokenize([text])) for text in TEXTS])

    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "pool"),
    [
        ({"pooling_mode_cls_token": True}, lambda hidden, _: hidden[:, 0]),
        ({"pooling_mode_mean_tokens": True}, mean),
        ({"pooling_mode": "mean"}, mean),
        (
            {"pooling_mode_max_tokens": True},
            lambda hidden, mask: hidden.masked_fill(mask == 0, -1e9).amax(1),
        ),
    ],
)
def test_pooling_and_length_are_what_sentence_transformers_wrote(models, load, config, pool):
    folder = save_text_model(models / "tiny")
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(
        folder / "modules.json",
        [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds],
    )
    write_json(folder / "1_Pooling" / "config.json", config)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 6})
    tower = load("tiny").towers[TEXT]

    vectors = tower.module(**tower.tokenize(TEXTS[:1]))

    expected = torch.nn.functional.normalize(pooled(folder, TEXTS[:1], pool=pool))
    torch.testing.assert_close(vectors, expected, atol=1e-5, rtol=1e-5)
    assert tower.tokenize(TEXTS)["input_ids"].shape == (4, 6)


def test_a_tokenizer_pads_with_its_own_token_and_forgets_lengths_of_its_file(models, load):
    folder = save_text_model(models / "tiny")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=9)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    tower = load("tiny").towers[TEXT]

    tokens = tower.tokenize(["a red cat runs", "cat"])

    assert tokens["input_ids"].tolist() == [[0, 4, 6, 9, 14, 2], [0, 9, 2, 1, 1, 1]]
    assert tokens["attention_mask"].tolist() == [[1] * 6, [1, 1, 1, 0, 0, 0]]


def test_blocks_are_the_embeddings_and_then_the_layers(models, load):
    save_text_model(models / "tiny")

    tower = load("tiny").towers[TEXT]

    assert tower.blocks == (
        "network.embeddings",
        "network.encoder.layer.0",
        "network.encoder.layer.1",
    )
    assert "network.encoder.layer.1" in tower.layers
    assert isinstance(tower.preprocessing, TextPreprocessing)


def test_the_untrained_variant_is_the_same_each_time_and_not_the_trained_one(models, load):
    save_text_model(models / "tiny")
    first, again, trained = (
        load("tiny", tag).towers[TEXT] for tag in ("random", "random", "pretrained")
    )
    tokens = first.tokenize(TEXTS)

    assert torch.equal(first.module(**tokens), again.module(**tokens))
    assert not torch.allclose(first.module(**tokens), trained.module(**tokens))
