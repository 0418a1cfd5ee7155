"""Is the service there, is it ready, and what is it."""

from __future__ import annotations

from typing import Literal, NotRequired

from flask import Blueprint, current_app
from typing_extensions import TypedDict

from zoo import __version__
from zoo.catalog.soundness import check_schema
from zoo.errors import ZooError
from zoo_api.contract import contract
from zoo_api.readiness import READY, STARTING, Readiness
from zoo_api.services import services

system = Blueprint("system", __name__)


class Service(TypedDict):
    """What answers here, and where to begin."""

    name: Literal["featurezoo"]
    version: str
    paths: list[str]


class Liveness(TypedDict):
    """The process answers."""

    status: Literal["alive"]


class Parts(TypedDict):
    """How the parts are: `ready`, `starting`, or the reason why one is down."""

    database: str
    broker: NotRequired[str]
    keeper: NotRequired[str]
    worker: NotRequired[str]
    predictor: NotRequired[str]
    disk: NotRequired[str]


class ReadyAnswer(TypedDict):
    """Whether all parts do their work."""

    status: Literal["ready", "down"]
    parts: Parts


@system.get("/")
@contract()
def show_service() -> Service:
    """The service's name, version and first addresses."""
    paths = ["/docs", "/v1/models", "/v1/collections", "/v1/datasets", "/v1/jobs", "/readyz"]
    return {"name": "featurezoo", "version": __version__, "paths": paths}


@system.get("/livez")
@contract()
def is_alive() -> Liveness:
    """200 while the process answers."""
    return {"status": "alive"}


@system.get("/readyz")
@contract(statuses=(200, 503))
def is_ready() -> tuple[ReadyAnswer, int]:
    """200 while all parts do their work or are starting; 503 with the reason for what is down."""
    found: Readiness = current_app.extensions["zoo_readiness"]
    try:
        with services().catalog.read() as session:
            check_schema(session)
        others = found.look()
    except ZooError as error:
        return {"status": "down", "parts": {"database": error.detail}}, 503
    parts: Parts = {"database": READY, **others}  # type: ignore[typeddict-item]  # as it names them
    if all(said in (READY, STARTING) for said in parts.values()):
        return {"status": "ready", "parts": parts}, 200
    return {"status": "down", "parts": parts}, 503
