from pathlib import Path

import pytest
import yaml

import zoo_migrations
from tests.reported import register_reported
from zoo.catalog import Catalog, open_catalog, plugins
from zoo.errors import NotFoundError
from zoo.registry.card_pages import card_page
from zoo.registry.model_cards import ModelCard, make_model_card

WEIGHTS = {
    "tag": "in1k",
    "licence": "Apache-2.0",
    "source_data": "a million photographs",
    "domain": "photographs",
    "known_biases": "many <dogs>",
    "source": "",
}
LINEAGE = {
    "dataset": "animals",
    "dataset_version": 2,
    "dataset_digest": "d" * 64,
    "strategy": "head_only",
    "splits": {"train": 64, "validation": 16, "test": 20, "moved": 0},
}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    url = f"sqlite:///{tmp_path / 'c.sqlite3'}"
    zoo_migrations.upgrade(url)
    opened = open_catalog(url)
    described = [
        {
            "name": f"lite.tiny.{tag}",
            "architecture": "tiny",
            "weights_tag": tag,
            "is_default": tag == "in1k",
            "card": {"towers": ["image"], **more},
        }
        for tag, more in (("in1k", {"weights": [WEIGHTS]}), ("random", {"is_random": True}))
    ]
    with opened.write() as session:
        plugins.expect_plugin(
            session, "lite", distribution="x", version="1", state="pending", reason=""
        )
        plugins.describe_plugin(session, "lite", state="ready", reason="", models=described)
    return opened


def made(catalog: Catalog, name: str, **more: object) -> ModelCard:
    register_reported(catalog, name, **{"lineage": LINEAGE, **more})
    return card_of(catalog, name)


def card_of(catalog: Catalog, name: str) -> ModelCard:
    with catalog.read() as session:
        return make_model_card(session, name, 1)


def test_a_card_says_what_a_version_is_and_where_it_comes_from(catalog: Catalog) -> None:
    card = made(catalog, "zebras", backbone="lite.tiny.in1k")
    assert card["description"] == (
        "A classifier of 4 labels on the backbone lite.tiny.in1k, made by head_only on version 2 "
        "of the dataset animals."
    )
    assert (card["model_name"], card["base_model"]) == ("zebras:1", "lite.tiny.in1k")
    assert (card["license"], card["pipeline_tag"]) == ("Apache-2.0", "image-classification")
    assert card["training_data"]["digest"] == "d" * 64
    assert card["results"]["metrics"]["n_test"] == 72
    assert "bins" not in card["results"]["calibration"]
    assert card["limitations"][:2] == [
        "Its backbone was trained on a million photographs (domain: photographs).",
        "Biases known of those weights, which carry over: many <dogs>",
    ]
    assert card["warnings"] == ["a warning"]


def test_a_card_tells_of_texts_where_texts_were_trained_on(catalog: Catalog) -> None:
    lineage = {**LINEAGE, "dataset_kind": "text"}
    card = made(catalog, "moods", backbone="lite.tiny.in1k", lineage=lineage)
    assert card["pipeline_tag"] == "text-classification"
    assert "belongs to texts like those" in card["direct_use"]


def test_a_version_on_a_version_carries_on_what_the_first_began_with(catalog: Catalog) -> None:
    made(catalog, "zebras", backbone="lite.tiny.in1k")
    card = made(catalog, "horses", backbone="zebras:1")
    assert card["base_model"] == "zebras:1"
    assert card["base_weights"] is not None
    assert card["base_weights"]["name"] == "lite.tiny.in1k"


def test_a_precision_of_a_backbone_has_its_weights(catalog: Catalog) -> None:
    assert made(catalog, "zebras", backbone="lite.tiny.in1k:bf16")["license"] == "Apache-2.0"


def test_random_weights_have_nothing_to_carry_over(catalog: Catalog) -> None:
    card = made(catalog, "zebras", backbone="lite.tiny.random")
    assert card["license"] is None
    assert card["limitations"][0] == (
        "Its backbone began with random weights: it has seen nothing but the dataset."
    )


def test_what_was_trained_from_scratch_carries_nothing_of_its_backbone_on(
    catalog: Catalog,
) -> None:
    lineage = {**LINEAGE, "strategy": "scratch", "parent": "lite.tiny.random"}
    first = made(catalog, "zebras", backbone="lite.tiny.in1k", lineage=lineage)
    assert (first["base_model"], first["license"]) == ("lite.tiny.random", None)
    second = made(catalog, "horses", backbone="zebras:1")
    for card in (first, second):
        assert card["limitations"][0] == (
            "Its backbone began with random weights: it has seen nothing but the dataset."
        )


@pytest.mark.parametrize("backbone", ["gone.tiny.in1k", "zebras:1"])
def test_a_backbone_that_is_gone_or_itself_leaves_a_card_with_less_in_it(
    catalog: Catalog, backbone: str
) -> None:
    card = made(catalog, "zebras", backbone=backbone)
    assert card["base_weights"] is None
    assert card["limitations"][0] == "What its backbone was trained on is not known here any more."
    assert 'license: "unknown"' in card_page(card)


def test_a_version_without_a_report_has_a_card(catalog: Catalog) -> None:
    card = made(catalog, "zebras", backbone="lite.tiny.in1k", report=None, metrics={})
    assert (card["results"]["classes"], card["warnings"]) == ([], [])
    assert "## Results" not in card_page(card)


def test_a_version_that_is_not_there_is_unknown(catalog: Catalog) -> None:
    made(catalog, "zebras")
    with catalog.read() as session, pytest.raises(NotFoundError) as caught:
        make_model_card(session, "zebras", 2)
    assert caught.value.code == "unknown_version"


def test_the_page_begins_with_metadata_and_has_every_section(catalog: Catalog) -> None:
    page = card_page(made(catalog, "zebras", backbone="lite.tiny.in1k"))
    _, front, body = page.split("---\n", 2)
    assert yaml.safe_load(front) == {
        "model_name": "zebras:1",
        "library_name": "featurezoo",
        "pipeline_tag": "image-classification",
        "base_model": "lite.tiny.in1k",
        "license": "apache-2.0",
        "datasets": ["animals"],
        "metrics": ["accuracy"],
    }
    titles = [line.removeprefix("## ") for line in body.splitlines() if line.startswith("## ")]
    assert titles == [
        "Intended use",
        "How to use it",
        "Warnings",
        "Limitations",
        "Results",
        "Training data",
        "Training",
        "Lineage",
    ]
    assert "* Biases known of those weights, which carry over: many \\<dogs\\>" in body
    assert "| light = dark |" in body


def test_what_was_compared_is_a_table() -> None:
    rows = [{"strategy": "head_only", "loss": 0.5}, {"strategy": "full", "loss": 0.25}]
    page = card_page({**card_of_terms("MIT"), "training": {"l2": 1.0, "comparison": rows}})
    assert (
        "## Training\n\n* l2: 1.000\n\ncomparison:\n\n| strategy | loss |\n| --- | --- |\n"
        "| head\\_only | 0.500 |\n| full | 0.250 |\n"
    ) in page


def test_a_licence_of_another_name_is_other() -> None:
    card: ModelCard = card_of_terms("Meteo Terms: 1")
    _, front, _ = card_page(card).split("---\n", 2)
    read = yaml.safe_load(front)
    assert (read["license"], read["license_name"]) == ("other", "Meteo Terms: 1")


def card_of_terms(license_name: str) -> ModelCard:
    return {
        "model_name": "zebras:1",
        "description": "x",
        "library_name": "featurezoo",
        "pipeline_tag": "text-classification",
        "base_model": "lite.tiny",
        "base_weights": None,
        "license": license_name,
        "labels": [],
        "direct_use": "x",
        "out_of_scope_use": "x",
        "training_data": {
            "dataset": None, "version": None, "digest": None, "splits": {}, "examples": []
        },
        "training": {},
        "results": {
            "metrics": {}, "calibration": {}, "classes": [], "slices": [], "worst_slice": None
        },
        "limitations": [],
        "warnings": [],
        "lineage": {},
        "sha256": "0" * 64,
        "size_bytes": 1,
        "created_at": "2026-11-21T00:00:00+00:00",
    }  # fmt: skip
