"""Aliases: movable names of versions, with a history and a way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from flask import Blueprint
from pydantic import Strict

from zoo.catalog import Session
from zoo.catalog import models as catalog_models
from zoo.catalog.records import ModelRecord
from zoo.errors import ConflictError, InvalidError
from zoo.names import check_own_name
from zoo.registry.models import require_alias, require_model, require_version
from zoo_api.job_views import instant
from zoo_api.paging import page_json
from zoo_api.reading import read_json
from zoo_api.services import services

aliases = Blueprint("aliases", __name__)


@dataclass(frozen=True, kw_only=True)
class AliasRequest:
    """Which version an alias shall name."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    version: Annotated[int, Strict(), Ge(1), Le(999_999_999)]  # `true` is not 1


@aliases.put("/v1/models/<name>/aliases/<alias>")
def move_alias(name: str, alias: str) -> dict[str, object]:
    """Point an alias at a version; 404 for a version that does not exist."""
    check_own_name("alias", alias)
    wanted = read_json(AliasRequest)
    with services().catalog.write() as session:
        model = require_own(session, name)
        require_version(session, name, wanted.version)
        catalog_models.move_alias(session, model.id, alias, version=wanted.version)
    return alias_json(name, alias, wanted.version)


@aliases.delete("/v1/models/<name>/aliases/<alias>")
def delete_alias(name: str, alias: str) -> tuple[str, int]:
    """Take an alias away; its history stays."""
    with services().catalog.write() as session:
        model = require_own(session, name)
        require_alias(session, model, alias)
        catalog_models.move_alias(session, model.id, alias, version=None)
    return "", 204


@aliases.post("/v1/models/<name>/aliases/<alias>/rollback")
def roll_back(name: str, alias: str) -> dict[str, object]:
    """Point an alias at the version that it named before; 409 if there is none."""
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
def show_history(name: str, alias: str) -> dict[str, object]:
    """Every move of an alias, newest first."""
    with services().catalog.read() as session:
        model = require_own(session, name)
        moves = catalog_models.alias_history(session, model.id, alias)
        if not moves:
            require_alias(session, model, alias)
    rows = [
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


def alias_json(name: str, alias: str, version: int) -> dict[str, object]:
    """An alias as answered."""
    return {"model": name, "alias": alias, "version": version, "name": f"{name}@{alias}"}
