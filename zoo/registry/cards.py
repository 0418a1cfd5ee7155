"""Checks the cards that a plugin gives, so that no stranger's slip reaches the catalog."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import get_args

from zoo.backbone import (
    IMAGE,
    TEXT,
    Card,
    CropMode,
    CropRounding,
    InputSizes,
    Interpolation,
    Preprocessing,
    TextPreprocessing,
    Weights,
)
from zoo.errors import PluginError, storable

_PLUGIN_NAME = re.compile(r"[a-z0-9_-]{1,100}")
_ARCHITECTURE = re.compile(r"[A-Za-z0-9_-]{1,100}")
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOWERS = (IMAGE, TEXT)


def check_cards(plugin: str, cards: Iterable[object]) -> tuple[Card, ...]:
    """The cards, if all are well-formed and no two are of one architecture; else `PluginError`."""
    if not _PLUGIN_NAME.fullmatch(plugin):
        raise PluginError(
            f"plugin name {plugin!r} is not allowed; use a-z, 0-9, '_' and '-'", plugin=plugin
        )
    checked: dict[str, Card] = {}
    for card in cards:
        sound = _check_card(plugin, card)
        if sound.architecture in checked:
            raise PluginError(
                f"plugin {plugin!r} describes architecture {sound.architecture!r} twice",
                plugin=plugin,
            )
        checked[sound.architecture] = sound
    return tuple(checked.values())


def _check_card(plugin: str, card: object) -> Card:
    if not isinstance(card, Card):
        raise PluginError(
            f"plugin {plugin!r} describes itself with a {type(card).__name__}; "
            "each should be a zoo.backbone.Card",
            plugin=plugin,
        )
    fault = _fault_of_card(card)
    if fault:
        raise PluginError(
            f"plugin {plugin!r}, architecture {card.architecture!r}: {fault}", plugin=plugin
        )
    return card


def _fault_of_card(card: Card) -> str:
    if not (isinstance(card.architecture, str) and _ARCHITECTURE.fullmatch(card.architecture)):
        return "the name should be of letters, digits, '_' and '-'"
    if not isinstance(card.weights, tuple):
        return "weights should be a tuple of zoo.backbone.Weights"
    if not _are_towers(card.towers):
        return f"towers should be a tuple of {IMAGE!r}, {TEXT!r} or both; it is {card.towers!r}"
    if not card.weights and not _is_prepared(card, card.towers):
        return "without weights it should have a preprocessing for the untrained network"
    faults = [_fault_of_weights(weights, card.towers) for weights in card.weights]
    faults += [_fault_of_untrained(card), _fault_of_facts(card)]
    tags = [getattr(weights, "tag", None) for weights in card.weights]
    if len(set(tags)) < len(tags):
        faults.append(f"weights tags should differ; they are {tags}")
    return next(filter(None, faults), "")


def _are_towers(names: object) -> bool:
    return isinstance(names, tuple) and bool(names) and all(name in _TOWERS for name in names)


def _is_text(value: object) -> bool:
    """Whether it is a text that the catalog can keep."""
    return isinstance(value, str) and storable(value) == value


def _is_prepared(described: Card | Weights, towers: tuple[str, ...]) -> bool:
    """Whether there is a preprocessing for each tower."""
    given = {IMAGE: described.preprocessing, TEXT: described.text_preprocessing}
    return all(given[tower] is not None for tower in towers)


def _fault_of_weights(weights: object, towers: tuple[str, ...]) -> str:
    if not isinstance(weights, Weights):
        return f"weights hold a {type(weights).__name__}; each should be a zoo.backbone.Weights"
    if not (isinstance(weights.tag, str) and _TAG.fullmatch(weights.tag)):
        return f"weights tag {weights.tag!r} should be of letters, digits, '_', '.' and '-'"
    texts = ("licence", "source_data", "domain", "known_biases", "source")
    for name in texts:
        if not _is_text(getattr(weights, name)):
            return f"weights {weights.tag!r}: {name} should be a text"
    if not _is_prepared(weights, towers):
        missing = "preprocessing" if weights.preprocessing is None else "text_preprocessing"
        return f"weights {weights.tag!r}: {missing} is missing; the towers are {towers}"
    return _fault_of_metrics(weights) or _fault_of_preprocessing(weights)


def _fault_of_untrained(card: Card) -> str:
    if card.preprocessing is not None and not _is_applicable(card.preprocessing):
        return f"the untrained network's {card.preprocessing} cannot be applied to a picture"
    if card.text_preprocessing is not None and not is_sound_for_text(card.text_preprocessing):
        return f"the untrained network's {card.text_preprocessing} cannot be applied to a text"
    if not isinstance(card.input_sizes, InputSizes):
        return "input_sizes should be a zoo.backbone.InputSizes"
    return ""


def _fault_of_facts(card: Card) -> str:
    for name, value in dict(card.facts).items():
        if not (_is_text(name) and (_is_text(value) or _is_number(value))):
            return f"fact {name!r} is {value!r}, neither text nor number"
    return ""


def _fault_of_metrics(weights: Weights) -> str:
    for name, value in dict(weights.published_metrics).items():
        if not (_is_text(name) and _is_number(value)):
            return f"weights {weights.tag!r}: published metric {name!r} is {value!r}, no number"
    return ""


def _fault_of_preprocessing(weights: Weights) -> str:
    preprocessing, for_text = weights.preprocessing, weights.text_preprocessing
    if not isinstance(preprocessing, Preprocessing | None):
        return f"weights {weights.tag!r}: preprocessing should be a zoo.backbone.Preprocessing"
    if preprocessing is not None and not is_sound(preprocessing):
        return f"weights {weights.tag!r}: {preprocessing} cannot be applied to a picture"
    if for_text is not None and not is_sound_for_text(for_text):
        return f"weights {weights.tag!r}: {for_text} cannot be applied to a text"
    return ""


def is_sound_for_text(preprocessing: object) -> bool:
    """Whether it names a tokenizer by its sha256 and how many tokens there may be."""
    return (
        isinstance(preprocessing, TextPreprocessing)
        and isinstance(preprocessing.tokenizer, str)
        and _SHA256.fullmatch(preprocessing.tokenizer) is not None
        and isinstance(preprocessing.max_tokens, int)
        and preprocessing.max_tokens > 0
    )


def is_sound(preprocessing: Preprocessing) -> bool:
    """Whether its numbers can be applied to a picture."""
    return (
        _is_size(preprocessing.input_size)
        and _is_resize(preprocessing)
        and preprocessing.interpolation in get_args(Interpolation)
        and preprocessing.crop_rounding in get_args(CropRounding)
        and len(preprocessing.mean) == 3
        and len(preprocessing.std) == 3
        and all(_is_number(value) for value in preprocessing.mean)
        and all(_is_number(value) and value > 0 for value in preprocessing.std)
    )


def _is_applicable(preprocessing: object) -> bool:
    return isinstance(preprocessing, Preprocessing) and is_sound(preprocessing)


def _is_resize(preprocessing: Preprocessing) -> bool:
    if preprocessing.crop_mode not in get_args(CropMode):
        return False
    if isinstance(preprocessing.resize, int):
        return _is_side(preprocessing.resize) and preprocessing.crop_mode == "center"
    return _is_size(preprocessing.resize)


def _is_size(pair: object) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and all(map(_is_side, pair))


def _is_side(value: object) -> bool:
    return isinstance(value, int) and 0 < value <= 4096


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
