"""Asking a plugin what it has, in a process of its own, and writing it to the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from zoo.backbone import RANDOM_WEIGHTS, Card
from zoo.catalog import plugins
from zoo.errors import storable
from zoo.jobs.ledger import Claim, fence, succeed
from zoo.registry.description import card_to_json, describe_in_process
from zoo_workers.context import Context


def run(context: Context, claim: Claim) -> None:
    """Describe a plugin; a broken one is a result like any other, with its reason."""
    name = str(claim.job.spec["plugin"])
    found = describe_in_process(name, timeout_s=context.settings.describe_timeout_s)
    models = [row for card in found.cards for row in model_rows(name, card)]
    with context.catalog.write() as session:
        fence(session, claim)
        plugins.describe_plugin(
            session, name, state=found.state, reason=storable(found.reason), models=models
        )
        succeed(session, claim, {"state": found.state, "models": len(models)})


def model_rows(plugin: str, card: Card) -> Iterable[Mapping[str, Any]]:
    """A model for each weights tag of an architecture, and the untrained one.

    The untrained one is never the default: nobody gets its noise without having asked for it.
    """
    trained = replace(card, preprocessing=None, text_preprocessing=None)
    variants = [(w.tag, replace(trained, weights=(w,))) for w in card.weights]
    variants.append((RANDOM_WEIGHTS, _untrained(card)))
    for position, (tag, variant) in enumerate(variants):
        yield {
            "name": f"{plugin}.{card.architecture}.{tag}",
            "architecture": card.architecture,
            "weights_tag": tag,
            "is_default": position == 0 and bool(variant.weights),
            "card": {**card_to_json(variant), "is_random": not variant.weights},
        }


def _untrained(card: Card) -> Card:
    """The card without weights, prepared for as its first ones where it says nothing itself."""
    preprocessing, for_text = card.preprocessing, card.text_preprocessing
    if card.weights:
        preprocessing = preprocessing or card.weights[0].preprocessing
        for_text = for_text or card.weights[0].text_preprocessing
    return replace(card, weights=(), preprocessing=preprocessing, text_preprocessing=for_text)
