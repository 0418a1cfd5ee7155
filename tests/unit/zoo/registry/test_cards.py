from dataclasses import replace

import pytest

from zoo.backbone import Card, Preprocessing, TextPreprocessing, Weights
from zoo.errors import PluginError
from zoo.registry.cards import check_cards

PREPROCESSING = Preprocessing(
    input_size=(8, 8),
    resize=9,
    interpolation="bilinear",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)
TEXT_PREPROCESSING = TextPreprocessing(tokenizer="ab" * 32, max_tokens=16)
WEIGHTS = Weights(tag="w", preprocessing=PREPROCESSING, licence="MIT", source_data="none")
CARD = Card(architecture="tiny", weights=(WEIGHTS,))


def with_preprocessing(**changes: object) -> Card:
    changed = replace(WEIGHTS, preprocessing=replace(PREPROCESSING, **changes))
    return replace(CARD, weights=(changed,))


def for_text(**changes: object) -> Card:
    changed = replace(TEXT_PREPROCESSING, **changes)
    weights = replace(WEIGHTS, preprocessing=None, text_preprocessing=changed)
    return replace(CARD, towers=("text",), weights=(weights,))


def fault(plugin: str, *cards: object) -> str:
    with pytest.raises(PluginError) as caught:
        check_cards(plugin, cards)
    return str(caught.value)


def test_sound_cards_pass_in_their_order():
    other = replace(CARD, architecture="small")

    assert check_cards("good", [CARD, other]) == (CARD, other)


def test_texts_are_prepared_for_by_a_preprocessing_of_their_own():
    both = replace(WEIGHTS, text_preprocessing=TEXT_PREPROCESSING)
    cards = (
        for_text(),
        replace(CARD, architecture="two", towers=("image", "text"), weights=(both,)),
    )

    assert check_cards("good", cards) == cards


def test_an_architecture_described_twice_is_refused():
    assert fault("p", CARD, CARD) == "plugin 'p' describes architecture 'tiny' twice"


def test_a_plugin_name_that_no_model_name_can_hold_is_refused():
    assert fault("My.Plugin", CARD) == (
        "plugin name 'My.Plugin' is not allowed; use a-z, 0-9, '_' and '-'"
    )


def test_an_architecture_may_have_no_weights_and_a_pair_as_resize():
    squashed = replace(PREPROCESSING, resize=(9, 12), crop_mode="squash")
    card = replace(CARD, weights=(), preprocessing=squashed)

    assert check_cards("good", [card]) == (card,)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (replace(CARD, architecture="a.b"), "the name should be of letters, digits, '_' and '-'"),
        (replace(CARD, weights=()), "without weights it should have a preprocessing for the"),
        (replace(CARD, weights=None), "weights should be a tuple of zoo.backbone.Weights"),
        (replace(CARD, preprocessing=replace(PREPROCESSING, resize=0)), "cannot be applied"),
        (replace(CARD, input_sizes=(8, 8)), "input_sizes should be a zoo.backbone.InputSizes"),
        (replace(CARD, facts={"depth": [1]}), "fact 'depth' is [1], neither text nor number"),
        (replace(CARD, weights=(WEIGHTS, WEIGHTS)), "tags should differ; they are ['w', 'w']"),
        (replace(CARD, weights=("w",)), "weights hold a str; each should be"),
        (replace(CARD, towers="image"), "towers should be a tuple of 'image', 'text' or both"),
        (replace(CARD, towers=("depth",)), "or both; it is ('depth',)"),
        (
            replace(CARD, towers=("image", "text")),
            "weights 'w': text_preprocessing is missing; the towers are ('image', 'text')",
        ),
        (
            replace(CARD, weights=(replace(WEIGHTS, preprocessing=None),)),
            "weights 'w': preprocessing is missing; the towers are ('image',)",
        ),
        (for_text(tokenizer="bert"), "cannot be applied to a text"),
        (for_text(max_tokens=0), "cannot be applied to a text"),
        (replace(CARD, weights=(replace(WEIGHTS, tag="a b"),)), "weights tag 'a b' should be"),
        (replace(CARD, weights=(replace(WEIGHTS, licence=None),)), "licence should be a text"),
        (replace(CARD, weights=(replace(WEIGHTS, source="\0"),)), "source should be a text"),
        (
            replace(CARD, weights=(replace(WEIGHTS, published_metrics={"top1": "75 %"}),)),
            "published metric 'top1' is '75 %', no number",
        ),
        (with_preprocessing(resize=5000), "cannot be applied to a picture"),
        (with_preprocessing(crop_mode="squash"), "cannot be applied to a picture"),
        (with_preprocessing(crop_mode="corner"), "cannot be applied to a picture"),
        (with_preprocessing(crop_rounding="up"), "cannot be applied to a picture"),
        (with_preprocessing(resize=(9, 9, 9)), "cannot be applied to a picture"),
        (with_preprocessing(std=(1.0, 0.0, 1.0)), "cannot be applied to a picture"),
        (with_preprocessing(mean=(0.0, float("nan"), 0.0)), "cannot be applied to a picture"),
        (with_preprocessing(interpolation="area"), "cannot be applied to a picture"),
    ],
)
def test_a_malformed_card_is_refused_with_its_fault(card, reason):
    assert reason in fault("p", card)
