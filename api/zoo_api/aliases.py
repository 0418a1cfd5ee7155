"""Aliases: movable names of versions, with a history and a way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.catalog import Session
from zoo.catalog import models as catalog_models
from zoo.catalog.records import ModelRecord
from zoo.errors import ConflictError, InvalidError
from zoo.registry.models import require_alias, require_model, require_version
from zoo_api.codes import KEPT, MODEL, OWN_OR_BUILT, merge
from zoo_api.contract import Json, OwnName, contract
from zoo_api.forwarding import warm
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, page_json
from zoo_api.reading import Closed
from zoo_api.services import services

aliases = Blueprint("aliases", __name__)

OWN = merge(MODEL, {422: ("not_a_tuned_model",)})


@dataclass(frozen=True, kw_only=True)
class AliasRequest(Closed):
    """Which version an alias shall name."""

    version: Annotated[int, Ge(1), Le(999_999_999)]


class Alias(TypedDict):
    """An alias; `name` is what it is called by elsewhere, as `pets@champion`."""

    model: str
    alias: str
    version: int
    name: str


class AliasMove(TypedDict):
    """One step of an alias."""

    from_version: int | None
    to_version: int | None
    created_at: Instant


@aliases.put("/v1/models/<name>/aliases/<alias>")
@contract(codes=merge(OWN, OWN_OR_BUILT, KEPT))
def move_alias(
    name: str, alias: Annotated[str, OwnName("alias")], wanted: Json[AliasRequest]
) -> Alias:
    """Point an alias at a version, once that is loaded: nobody who asks for the alias waits.

    A version that cannot be loaded, as its file is damaged, leaves the alias where it is.
    """
    with services().catalog.read() as session:
        require_own(session, name)
        version = require_version(session, name, wanted.version)
    warm(version)
    with services().catalog.write() as session:
        model = require_own(session, name)
        require_version(session, name, wanted.version)
        catalog_models.move_alias(session, model.id, alias, version=wanted.version)
    return alias_json(name, alias, wanted.version)


@aliases.delete("/v1/models/<name>/aliases/<alias>")
@contract(codes=merge(OWN, {404: ("unknown_alias",)}))
def delete_alias(name: str, alias: str) -> None:
    """Take an alias away; its history stays."""
    with services().catalog.write() as session:
        model = require_own(session, name)
        catalog_models.lock_model(session, model.id)  # of two that delete it, one finds it gone
        require_alias(session, model, alias)
        catalog_models.move_alias(session, model.id, alias, version=None)


@aliases.post("/v1/models/<name>/aliases/<alias>/rollback")
@contract(codes=merge(OWN, {404: ("unknown_alias",), 409: ("nothing_to_roll_back",)}))
def roll_back(name: str, alias: str) -> Alias:
    """Point an alias at the version that it named before."""
    with services().catalog.write() as session:
        model = require_own(session, name)
        catalog_models.lock_model(session, model.id)  # what is read next decides what is written
        now = require_alias(session, model, alias)
        history = catalog_models.alias_history(session, model.id, alias)
        before = next((m.from_version for m in history if m.to_version == now), None)
        if before is None:
            raise ConflictError(
                f"{name}@{alias} has named no version before {now}", code="nothing_to_roll_back"
            )
        catalog_models.move_alias(session, model.id, alias, version=before)
    return alias_json(name, alias, before)


@aliases.get("/v1/models/<name>/aliases/<alias>/history")
@contract(codes=merge(OWN, {404: ("unknown_alias",)}))
def show_history(name: str, alias: str) -> Page[AliasMove]:
    """Every move of an alias, newest first."""
    with services().catalog.read() as session:
        model = require_own(session, name)
        moves = catalog_models.alias_history(session, model.id, alias)
        if not moves:
            require_alias(session, model, alias)
    rows: list[AliasMove] = [
        {
            "from_version": move.from_version,
            "to_version": move.to_version,
            "created_at": instant(move.created_at),
        }
        for move in moves
    ]
    return page_json(rows, next_cursor=None)


def require_own(session: Session, name: str) -> ModelRecord:
    """A user's model by name; 422 for a backbone."""
    model = require_model(session, name)
    if model.kind != "tuned":
        raise InvalidError(
            f"{name!r} is a backbone; only models of your own have versions and aliases",
            code="not_a_tuned_model",
        )
    return model


def alias_json(name: str, alias: str, version: int) -> Alias:
    """An alias as answered."""
    return {"model": name, "alias": alias, "version": version, "name": f"{name}@{alias}"}
