"""What is described is what timm itself says of each of its configurations."""

import time

import pytest
import timm
from timm.data import create_transform, resolve_data_config
from timm.models import get_pretrained_cfg, list_models

from zoo.registry.cards import check_cards
from zoo.registry.description import card_from_json, card_to_json
from zoo_timm.cards import describe, describe_all
from zoo_timm.sources import read_tag


@pytest.fixture(scope="module")
def cards():
    return {card.architecture: card for card in describe_all()}


def test_every_architecture_and_every_trained_tag_is_described(cards):
    names = {f"{card.architecture}.{one.tag}" for card in cards.values() for one in card.weights}

    assert set(cards) == set(list_models())
    assert names == set(list_models(pretrained=True))
    assert len(cards) > 1000


def test_no_deprecated_name_is_described(cards):
    assert not set(cards) & set(timm.models.get_deprecated_models())


def test_all_cards_are_sound_and_come_back_from_json(cards):
    checked = check_cards("timm", cards.values())

    assert tuple(card_from_json(card_to_json(card)) for card in checked) == checked


def test_describing_takes_less_than_a_second_once_timm_is_imported():
    begun = time.process_time()
    describe_all()

    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "name", ["resnet50", "vit_base_patch16_siglip_224", "eva02_base_patch14_224"]
)
def test_the_default_is_timms(cards, name):
    assert cards[name].weights[0].tag == get_pretrained_cfg(name).tag


def test_each_preprocessing_has_the_numbers_of_timms_transform(cards):
    """All 1,826 tags, against the steps that timm's own factory makes of them."""
    for card in cards.values():
        for weights in card.weights:
            found = weights.preprocessing
            config = resolve_data_config(
                pretrained_cfg=get_pretrained_cfg(f"{card.architecture}.{weights.tag}").to_dict()
            )
            resize, crop, _, normalise = create_transform(**config).transforms
            wanted = resize.size if isinstance(resize.size, int) else tuple(resize.size)
            assert found.resize == wanted, (card.architecture, weights.tag)
            assert found.input_size == tuple(crop.size)
            assert found.mean == pytest.approx(normalise.mean.tolist())
            assert found.std == pytest.approx(normalise.std.tolist())
            mode = getattr(resize.interpolation, "value", resize.interpolation)
            assert found.interpolation == mode


def test_an_architecture_without_weights_has_the_untrained_only(cards):
    card = cards["resnetaa34d"]

    assert card.weights == ()
    assert card.preprocessing is not None


def test_the_multipliers_of_efficientnet_are_told():
    assert describe("tf_efficientnet_b3").facts == {
        "width_multiplier": 1.2,
        "depth_multiplier": 1.4,
        "resolution": 300,
    }
    assert describe("resnet18").facts == {}


def test_the_tag_tells_the_training_data_in_their_order():
    origin = read_tag("clip_laion2b_augreg_ft_in12k_in1k")

    assert origin.source_data == (
        "LAION-2B, then ImageNet-12k, then ImageNet-1k "
        "(by the tag 'clip_laion2b_augreg_ft_in12k_in1k'; timm states no training data)"
    )
    assert origin.known_biases.startswith("the web's: ")
    assert "; ImageNet's: " in origin.known_biases


def test_satellite_pictures_are_another_domain():
    assert read_tag("sat493m").domain == "satellite"


def test_a_tag_that_tells_nothing_is_said_to():
    origin = read_tag("fb")

    assert origin.source_data == "not stated by timm, nor by the tag 'fb'; see the source"
    assert origin.known_biases == "not documented by the publisher"
