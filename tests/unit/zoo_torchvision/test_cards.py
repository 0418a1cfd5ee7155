"""What is described is what torchvision's weight enums say."""

import pytest
from torchvision import models

from zoo.registry.cards import check_cards
from zoo.registry.description import card_from_json, card_to_json
from zoo.registry.spellings import read_spelling
from zoo_torchvision.cards import describe, describe_all


@pytest.fixture(scope="module")
def cards():
    return {card.architecture: card for card in describe_all()}


def test_every_classification_network_and_all_its_weights_are_described(cards):
    assert set(cards) == set(models.list_models(module=models))
    assert {"resnet50", "vgg16", "efficientnet_b0", "mobilenet_v2", "swin_t"} <= set(cards)
    for name, card in cards.items():
        tags = {one.name.lower() for one in models.get_model_weights(name)}
        assert {one.tag for one in card.weights} == tags


def test_the_default_is_torchvisions(cards):
    assert [one.tag for one in cards["resnet50"].weights] == ["imagenet1k_v2", "imagenet1k_v1"]
    for name, card in cards.items():
        assert card.weights[0].tag == models.get_model_weights(name).DEFAULT.name.lower()


def test_the_name_of_every_enum_member_is_read_as_the_registrys(cards):
    for name, card in cards.items():
        for member in models.get_model_weights(name):
            spelled = read_spelling(f"torchvision.{member}")
            assert spelled == f"torchvision.{name}.{member.name.lower()}"
            assert spelled.rpartition(".")[2] in {one.tag for one in card.weights}


def test_all_cards_are_sound_and_come_back_from_json(cards):
    checked = check_cards("torchvision", cards.values())

    assert tuple(card_from_json(card_to_json(card)) for card in checked) == checked


def test_each_preprocessing_has_the_numbers_of_its_weights_transforms(cards):
    for name, card in cards.items():
        for weights in card.weights:
            preset = models.get_model_weights(name)[weights.tag.upper()].transforms()
            found = weights.preprocessing
            assert [found.resize] == preset.resize_size, name
            assert list(found.input_size) == preset.crop_size * 2
            assert found.interpolation == preset.interpolation.value
            assert (list(found.mean), list(found.std)) == (list(preset.mean), list(preset.std))


def test_metrics_licence_and_facts_are_the_publishers():
    card = describe("resnet50")
    swag = {one.tag: one for one in describe("vit_b_16").weights}["imagenet1k_swag_linear_v1"]

    assert card.weights[0].published_metrics == {
        "imagenet_top1": pytest.approx(0.80858),
        "imagenet_top5": pytest.approx(0.95434),
    }
    assert card.weights[0].licence.startswith("BSD-3-Clause")
    assert card.facts == {
        "published_parameters": 25557032,
        "published_giga_multiply_adds": 4.089,
    }
    assert swag.licence == "https://github.com/facebookresearch/SWAG/blob/main/LICENSE"
    assert swag.source_data.startswith("3.6 billion pictures of Instagram")


def test_the_multipliers_of_efficientnet_are_told():
    facts = describe("efficientnet_b3").facts

    assert facts["width_multiplier"] == 1.2
    assert facts["depth_multiplier"] == 1.4
    assert facts["resolution"] == 300


def test_features_without_a_classifier_have_no_accuracy(cards):
    features = {one.tag: one for one in cards["vgg16"].weights}["imagenet1k_features"]

    assert features.published_metrics == {}
