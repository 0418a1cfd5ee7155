"""What a plugin offers, asked of it in a process of its own that may fail in any way it likes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from zoo.backbone import Card, Preprocessing, TextPreprocessing, Weights
from zoo.isolation import run_module
from zoo.wire import (
    Header,
    input_sizes_from_json,
    input_sizes_to_json,
    preprocessing_from_json,
    preprocessing_to_json,
    text_preprocessing_from_json,
)

State = Literal["ready", "unavailable", "broken"]

MAX_OUTPUT_BYTES = 32_000_000
"""timm's 1,371 architectures are 1.8 MB."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A plugin's cards if it is `ready`, else the reason why it is not."""

    state: State
    cards: tuple[Card, ...] = ()
    reason: str = ""


def describe_in_process(name: str, *, timeout_s: float) -> Description:
    """Run the plugin's `describe()` in a new process; never raises because of the plugin."""
    ended = run_module(
        "zoo.registry.describing",
        name,
        str(MAX_OUTPUT_BYTES),
        timeout_s=timeout_s,
        max_output_bytes=MAX_OUTPUT_BYTES,
    )
    if ended.status is None:
        return _broken(f"plugin {name!r} took more than {timeout_s:g} s to describe itself")
    if len(ended.output) > MAX_OUTPUT_BYTES:
        return _broken(f"plugin {name!r} describes itself in more than {MAX_OUTPUT_BYTES} bytes")
    try:
        return description_from_json(json.loads(ended.output))
    except (ValueError, KeyError, TypeError, AttributeError):
        said = f"; its last words were: {ended.last_words}" if ended.last_words else ""
        return _broken(
            f"plugin {name!r} ended its process ({ended.ending}) before it had described "
            f"itself{said}"
        )


def _broken(reason: str) -> Description:
    return Description(state="broken", reason=reason)


def description_to_json(description: Description) -> dict[str, object]:
    """All fields as JSON."""
    return {
        "state": description.state,
        "cards": [card_to_json(card) for card in description.cards],
        "reason": description.reason,
    }


def description_from_json(fields: Header) -> Description:
    """The same description again; raises `KeyError`, `TypeError`, `ValueError` if malformed."""
    return Description(
        state=fields["state"],
        cards=tuple(card_from_json(card) for card in fields["cards"]),
        reason=fields["reason"],
    )


def card_to_json(card: Card) -> dict[str, object]:
    """A card as the catalog keeps it; what it does not tell is left out."""
    fields: dict[str, object] = {
        "architecture": card.architecture,
        "weights": [_weights_to_json(weights) for weights in card.weights],
        "towers": list(card.towers),
        "input_sizes": input_sizes_to_json(card.input_sizes),
    }
    if card.preprocessing is not None:
        fields["preprocessing"] = preprocessing_to_json(card.preprocessing)
    if card.text_preprocessing is not None:
        fields["text_preprocessing"] = preprocessing_to_json(card.text_preprocessing)
    if card.facts:
        fields["facts"] = dict(card.facts)
    return fields


def card_from_json(fields: Header) -> Card:
    """The same card again."""
    return Card(
        architecture=fields["architecture"],
        weights=tuple(_weights_from_json(weights) for weights in fields["weights"]),
        towers=tuple(fields["towers"]),
        preprocessing=_preprocessing(fields),
        text_preprocessing=_text_preprocessing(fields),
        input_sizes=input_sizes_from_json(fields["input_sizes"]),
        facts=dict(fields.get("facts", {})),
    )


def _preprocessing(fields: Header) -> Preprocessing | None:
    given = fields.get("preprocessing")
    return None if given is None else preprocessing_from_json(given)


def _text_preprocessing(fields: Header) -> TextPreprocessing | None:
    given = fields.get("text_preprocessing")
    return None if given is None else text_preprocessing_from_json(given)


def _weights_to_json(weights: Weights) -> dict[str, object]:
    given, for_text = weights.preprocessing, weights.text_preprocessing
    told = {} if for_text is None else {"text_preprocessing": preprocessing_to_json(for_text)}
    return {
        "tag": weights.tag,
        "preprocessing": None if given is None else preprocessing_to_json(given),
        **told,
        "licence": weights.licence,
        "source_data": weights.source_data,
        "domain": weights.domain,
        "known_biases": weights.known_biases,
        "published_metrics": dict(weights.published_metrics),
        "source": weights.source,
    }


def _weights_from_json(fields: Header) -> Weights:
    read = {
        "preprocessing": _preprocessing(fields),
        "text_preprocessing": _text_preprocessing(fields),
    }
    return Weights(**{**fields, **read})
