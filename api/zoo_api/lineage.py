"""GET .../lineage: where a version comes from, step by step."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint
from typing_extensions import TypedDict

from zoo.backbone import Weights
from zoo.registry.lineage import Ancestor, ancestors
from zoo.registry.models import require_model, require_version
from zoo_api.codes import MODEL, merge
from zoo_api.contract import contract
from zoo_api.models import ModelVersion, version_json
from zoo_api.services import services

lineage = Blueprint("lineage", __name__)


class LineageStep(TypedDict):
    """A version, with all that it was made from, or the backbone at the end with its weights.

    What was deleted is known by its name alone, a plugin's backbone that is gone too.
    """

    name: str
    kind: Literal["version", "backbone"]
    is_known: bool
    version: ModelVersion | None
    weights: Weights | None


class Lineage(TypedDict):
    """From a version to the pre-trained weights that it came from."""

    chain: list[LineageStep]


@lineage.get("/v1/models/<name>/versions/<version:number>/lineage")
@contract(codes=merge(MODEL, {404: ("unknown_version",)}))
def show_lineage(name: str, number: int) -> Lineage:
    """What a version was made from, what that was made from, down to the pre-trained weights."""
    with services().catalog.read() as session:
        version = require_version(session, require_model(session, name).name, number)
        return {"chain": [_step(one) for one in ancestors(session, version)]}


def _step(found: Ancestor) -> LineageStep:
    is_backbone = "." in found.name
    return {
        "name": found.name,
        "kind": "backbone" if is_backbone else "version",
        "is_known": bool(found.version or found.backbone),
        "version": version_json(found.version) if found.version else None,
        "weights": _weights(found),
    }


def _weights(found: Ancestor) -> Any:  # as the card has it, which is JSON
    if found.backbone is None:
        return None
    tag = found.backbone.weights_tag
    return next((one for one in found.backbone.card.get("weights", ()) if one["tag"] == tag), None)
