"""Models and their versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, cast

from flask import Blueprint, Response
from typing_extensions import TypedDict

from zoo.backbone import InputSizes, Preprocessing, TextPreprocessing, Weights
from zoo.catalog import Session
from zoo.catalog import models as catalog_models
from zoo.catalog.records import ListedModelRecord, ModelRecord, VersionRecord
from zoo.errors import (
    PluginError,
    UnavailableError,
)
from zoo.predictor import BackboneDetail, detail_to_json
from zoo.registry.models import require_model, require_version
from zoo_api.backbones import await_described, ready_backbone
from zoo_api.codes import BUILT, MODEL, merge
from zoo_api.contract import Answer, Query, contract
from zoo_api.job_views import Instant, StoredError, error_json, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed
from zoo_api.services import services

models = Blueprint("models", __name__)

AFTER_ALL = 1 << 62
OWNER = "user"
VERSION = merge(MODEL, {404: ("unknown_version",)})
ModelKind = Literal["backbone", "tuned"]


@dataclass(frozen=True, kw_only=True)
class ModelQuery(Closed):
    """Which models to list."""

    kind: ModelKind | None = None


@dataclass(frozen=True, kw_only=True)
class VersionsQuery(Paging):
    """Which versions to list."""

    archived: bool = False  # those that were put away too


class Model(TypedDict):
    """A name in the registry; a backbone has what its plugin says of it, an own one `backbone`."""

    id: str
    name: str
    object: Literal["model"]
    created: int
    owned_by: str
    kind: ModelKind
    is_default: bool
    is_random: NotRequired[bool]
    backbone: NotRequired[str]
    architecture: NotRequired[str]
    towers: NotRequired[list[str]]
    weights: NotRequired[list[Weights]]
    preprocessing: NotRequired[Preprocessing]
    text_preprocessing: NotRequired[TextPreprocessing]
    input_sizes: NotRequired[InputSizes]
    facts: NotRequired[dict[str, str | float]]


class ModelList(TypedDict):
    """All models in one page, in the shape that OpenAI's client reads."""

    object: Literal["list"]
    data: list[Model]
    next_cursor: None


class Network(TypedDict):
    """The file of a network that was tuned with a version's head."""

    sha256: str
    size_bytes: int


class ModelVersion(TypedDict):
    """A version of a user's model, with its lineage."""

    model: str
    version: int
    name: str
    backbone: str
    space_id: str
    labels: list[str]
    metrics: dict[str, Any]
    lineage: dict[str, Any]
    sha256: str
    size_bytes: int
    network: Network | None
    archived_at: Instant | None
    job_id: str
    created_at: Instant


class ShownVersion(ModelVersion):
    """A version alone: with what its tuned network is, as a backbone's detail; else null."""

    detail: BackboneDetail | None


class ShownModel(Model):
    """A model alone: a backbone with what building it told, an own one with its versions."""

    detail: NotRequired[BackboneDetail | None]
    detail_error: NotRequired[StoredError]
    newest: NotRequired[ModelVersion | None]
    aliases: NotRequired[dict[str, int]]


@models.get("/v1/models")
@contract(Answer(kind=ModelList))
def list_models(query: Query[ModelQuery]) -> Response:
    """Every model in one page, in the shape that OpenAI's client reads."""
    with services().catalog.read() as session:
        found = catalog_models.list_models(session, kind=query.kind)
    listed = ",".join(_listed_json(one) for one in found)
    page = f'{{"object":"list","data":[{listed}],"next_cursor":null}}\n'
    return Response(page, mimetype="application/json")


@models.get("/v1/models/<name>")
@contract(codes=BUILT)
def show_model(name: str) -> ShownModel:
    """One model: a backbone with its detail tier if it can be had, or a user's own."""
    model = await_described(lambda session: require_model(session, name))
    if model.kind == "backbone":
        return cast("ShownModel", {**model_json(model), **_detail(model)})
    with services().catalog.read() as session:
        return cast("ShownModel", {**model_json(model), **_history(session, model)})


@models.get("/v1/models/<name>/versions")
@contract(codes=MODEL)
def list_versions(name: str, paging: Query[VersionsQuery]) -> Page[ModelVersion]:
    """A model's versions, newest first; those that were put away only if they are asked for."""
    before = decode_cursor(paging.cursor, AFTER_ALL)
    with services().catalog.read() as session:
        model = require_model(session, name)
        found = catalog_models.list_versions(
            session,
            model.name,
            before=before,
            limit=paging.limit + 1,
            with_archived=paging.archived,
        )
    page = found[: paging.limit]
    more = encode_cursor(page[-1].version) if len(found) > paging.limit else None
    return page_json([version_json(one) for one in page], next_cursor=more)


@models.get("/v1/models/<name>/versions/<version:number>")
@contract(codes=VERSION)
def show_version(name: str, number: int) -> ShownVersion:
    """One version with its lineage."""
    with services().catalog.read() as session:
        version = require_version(session, require_model(session, name).name, number)
    shown = {**version_json(version), "detail": version.detail}
    return cast("ShownVersion", shown)


def model_json(model: ModelRecord) -> Mapping[str, Any]:
    """A model as shown; `is_random` flags untrained weights and what stands on them."""
    return {**_heading(model), **dict(model.card)}


def _listed_json(model: ListedModelRecord) -> str:
    """The text of `model_json`, without parsing the card: 5 times faster for all of timm."""
    heading, card = json.dumps(_heading(model)), model.card_json
    return heading if card == "{}" else f"{heading[:-1]}, {card[1:]}"


def _heading(model: ModelRecord | ListedModelRecord) -> dict[str, object]:
    return {
        "id": model.name,
        "name": model.name,
        "object": "model",
        "created": int(model.created_at.timestamp()),
        "owned_by": model.plugin or OWNER,
        "kind": model.kind,
        "is_default": model.is_default,
    }


def version_json(version: VersionRecord) -> ModelVersion:
    """A version as answered."""
    return {
        "model": version.model,
        "version": version.version,
        "name": f"{version.model}:{version.version}",
        "backbone": version.backbone,
        "space_id": version.space_id,
        "labels": list(version.labels),
        "metrics": dict(version.metrics),
        "lineage": dict(version.lineage),
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "network": _network(version),
        "archived_at": instant(version.archived_at) if version.archived_at else None,
        "job_id": version.job_id,
        "created_at": instant(version.created_at),
    }


def _network(version: VersionRecord) -> Network | None:
    if version.weights_sha256 is None or version.weights_size_bytes is None:
        return None
    return {"sha256": version.weights_sha256, "size_bytes": version.weights_size_bytes}


def _detail(model: ModelRecord) -> dict[str, object]:
    """What building it told, or null and why it cannot be built here and now."""
    try:
        return {"detail": detail_to_json(ready_backbone(model.name)[1])}
    except (UnavailableError, PluginError) as error:
        return {"detail": None, "detail_error": error_json(error.code, error.detail)}


def _history(session: Session, model: ModelRecord) -> dict[str, object]:
    newest = catalog_models.get_version(session, model.name, None)
    aliases = catalog_models.list_aliases(session, model.id)
    return {
        "newest": version_json(newest) if newest else None,
        "aliases": {alias.alias: alias.version for alias in aliases},
    }
