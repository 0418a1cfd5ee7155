from dataclasses import replace

import numpy as np
import pytest

from zoo.inference.engines.eager_texts import EagerTextEngine
from zoo.inference.loading import load_backbone
from zoo.predictor import BackboneRef
from zoo.testing import tiny_texts

WORDS = BackboneRef(plugin="fake", architecture="words", weights="v1")


@pytest.fixture
def tower(give, tmp_path):
    give(tiny_texts.plugin.load)
    return load_backbone(WORDS, weights_cache=tmp_path).text_tower


def test_texts_of_any_length_share_a_batch(tower):
    engine = EagerTextEngine(tower)
    texts = ["one", "one two three four", "two"]

    together = engine.embed(texts)

    assert together.vectors.dtype == np.float32
    assert together.vectors.shape == (3, 64)
    assert together.vectors.flags.c_contiguous
    for text, vector in zip(texts, together.vectors, strict=True):
        np.testing.assert_allclose(engine.embed([text]).vectors, [vector], atol=1e-6)


def test_tokens_are_counted_without_padding_and_no_further_than_they_are_seen(tower):
    engine = EagerTextEngine(tower)

    assert engine.embed(["one", "one two three"]).tokens == 4
    assert engine.embed(["word " * 100]).tokens == 32


def test_a_tokenizer_that_gives_too_many_tokens_is_refused(give, tower, tmp_path):
    built = tiny_texts.plugin.load
    short = replace(tower.preprocessing, max_tokens=2)

    def load(request):
        backbone = built(request)
        text = replace(backbone.towers["text"], preprocessing=short)
        return replace(backbone, towers={"text": text})

    give(load)
    with pytest.raises(Exception, match="cannot forward: ValueError") as caught:
        load_backbone(WORDS, weights_cache=tmp_path)

    assert "should be (1, length), at most 2 long" in str(caught.value)
