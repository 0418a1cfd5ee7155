"""Aliases: movable names of versions, with a history and a way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MinLen
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.catalog import Session
from zoo.catalog import models as catalog_models
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.errors import ConflictError, InvalidError
from zoo.registry.gates import Gate, check_gate
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
REFUSALS = {409: ("gate_failed", "not_comparable", "version_archived")}


Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class GateRequest(Closed):
    """What a version has to reach before an alias names it; accuracy is that on held-out ones."""

    min_accuracy: Share | None = None
    max_ece: Share | None = None  # expected calibration error
    not_below: Annotated[str, MinLen(1)] | None = None  # an alias whose accuracy it must reach
    margin: Share = 0.0  # by which it may be less accurate than that


@dataclass(frozen=True, kw_only=True)
class AliasRequest(Closed):
    """Which version an alias shall name."""

    version: Annotated[int, Ge(1), Le(999_999_999)]
    gate: GateRequest | None = None


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
@contract(codes=merge(OWN, OWN_OR_BUILT, KEPT, REFUSALS))
def move_alias(
    name: str, alias: Annotated[str, OwnName("alias")], wanted: Json[AliasRequest]
) -> Alias:
    """Point an alias at a version, once that is loaded: nobody who asks for the alias waits.

    A version that does not pass the gate, or cannot be loaded as its file is damaged, leaves the
    alias where it is.
    """
    with services().catalog.read() as session:
        version = _admitted(session, require_own(session, name), alias, wanted)
    warm(version)
    with services().catalog.write() as session:
        model = require_own(session, name)
        catalog_models.lock_model(session, model.id)  # the other may have moved meanwhile
        _admitted(session, model, alias, wanted)
        catalog_models.move_alias(session, model.id, alias, version=wanted.version)
    return alias_json(name, alias, wanted.version)


def _admitted(
    session: Session, model: ModelRecord, alias: str, wanted: AliasRequest
) -> VersionRecord:
    """The wanted version, if an alias may name it and it passes the gate."""
    version = require_version(session, model.name, wanted.version)
    if version.archived_at is not None:
        raise ConflictError(
            f"{version.name} is archived; restore it before an alias names it",
            code="version_archived",
        )
    if wanted.gate is not None:
        check_gate(version, _gate(session, model, alias, wanted.gate))
    return version


def _gate(session: Session, model: ModelRecord, alias: str, asked: GateRequest) -> Gate:
    """The gate with the version that is to be reached; an alias yet to be made has none."""
    number = None
    if asked.not_below is not None:
        number = catalog_models.get_alias(session, model.id, asked.not_below)
        if number is None and asked.not_below != alias:
            number = require_alias(session, model, asked.not_below)
    return Gate(
        min_accuracy=asked.min_accuracy,
        max_ece=asked.max_ece,
        rival=None if number is None else require_version(session, model.name, number),
        margin=asked.margin,
    )


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
@contract(codes=merge(OWN, OWN_OR_BUILT, KEPT, {409: ("nothing_to_roll_back",)}))
def roll_back(name: str, alias: str) -> Alias:
    """Point an alias at the version that it named before, once that is loaded."""
    with services().catalog.read() as session:
        version = _before(session, require_own(session, name), alias)
    warm(version)
    with services().catalog.write() as session:
        model = require_own(session, name)
        catalog_models.lock_model(session, model.id)  # what is read next decides what is written
        if _before(session, model, alias).version != version.version:
            raise ConflictError(
                f"{name}@{alias} was moved at this very moment; look where it is and ask again",
                code="concurrent_change",
            )
        catalog_models.move_alias(session, model.id, alias, version=version.version)
    return alias_json(name, alias, version.version)


def _before(session: Session, model: ModelRecord, alias: str) -> VersionRecord:
    """The version that an alias named before; `ConflictError` if there is none to go back to."""
    now = require_alias(session, model, alias)
    history = catalog_models.alias_history(session, model.id, alias)
    number = next((m.from_version for m in history if m.to_version == now), None)
    found = None if number is None else catalog_models.get_version(session, model.name, number)
    if found is not None and found.archived_at is None:
        return found
    name = f"{model.name}@{alias}"
    why = f"{name} has named no version before {now}"
    if number is not None:
        why = (
            f"{name} named version {number} before, which is {'archived' if found else 'deleted'}"
        )
    raise ConflictError(why, code="nothing_to_roll_back")


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
