"""Versions that are no longer wanted: put away, taken back, deleted."""

from __future__ import annotations

from flask import Blueprint

from zoo.registry import retiring as registry
from zoo_api.aliases import OWN, require_own
from zoo_api.codes import merge
from zoo_api.contract import contract
from zoo_api.models import ModelVersion, version_json
from zoo_api.services import services

retiring = Blueprint("retiring", __name__)

IN_USE = {409: ("model_in_use",)}
VERSION = merge(OWN, {404: ("unknown_version",)})


@retiring.post("/v1/models/<name>/versions/<version:number>/archive")
@contract(codes=merge(VERSION, IN_USE))
def archive_version(name: str, number: int) -> ModelVersion:
    """Put a version away: neither listed nor taken for the newest, but there by its number."""
    with services().catalog.write() as session:
        return version_json(registry.archive(session, require_own(session, name), number))


@retiring.post("/v1/models/<name>/versions/<version:number>/restore")
@contract(codes=VERSION)
def restore_version(name: str, number: int) -> ModelVersion:
    """Take back a version that was put away."""
    with services().catalog.write() as session:
        return version_json(registry.restore(session, require_own(session, name), number))


@retiring.delete("/v1/models/<name>/versions/<version:number>")
@contract(codes=merge(VERSION, IN_USE))
def delete_version(name: str, number: int) -> None:
    """Delete a version that nothing uses, and with its last one the model."""
    with services().catalog.write() as session:
        registry.delete_version(session, require_own(session, name), number)


@retiring.delete("/v1/models/<name>")
@contract(codes=merge(OWN, IN_USE))
def delete_model(name: str) -> None:
    """Delete a model of one's own with all its versions, if nothing uses any of them."""
    with services().catalog.write() as session:
        registry.delete_model(session, require_own(session, name))
