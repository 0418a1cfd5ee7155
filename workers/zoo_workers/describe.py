"""Asking a plugin what it has, in a process of its own, and writing it to the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from zoo.backbone import RANDOM_WEIGHTS, Card
from zoo.catalog import plugins
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
            session, name, state=found.state, reason=found.reason, models=models
        )
        succeed(session, claim, {"state": found.state, "models": len(models)})


def model_rows(plugin: str, card: Card) -> Iterable[Mapping[str, Any]]:
    """A model for each weights tag of an architecture, and the untrained one.

    The untrained one is never the default: nobody gets its noise without having asked for it.
    """
    first = card.preprocessing or card.weights[0].preprocessing
    variants = [(w.tag, (w,), None) for w in card.weights] + [(RANDOM_WEIGHTS, (), first)]
    for position, (tag, weights, preprocessing) in enumerate(variants):
        described = card_to_json(replace(card, weights=weights, preprocessing=preprocessing))
        yield {
            "name": f"{plugin}.{card.architecture}.{tag}",
            "architecture": card.architecture,
            "weights_tag": tag,
            "is_default": position == 0 and bool(weights),
            "card": {**described, "is_random": not weights},
        }
