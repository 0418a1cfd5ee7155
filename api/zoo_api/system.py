"""Is the service there, is it ready, and what is it."""

from __future__ import annotations

from typing import Literal, NotRequired

from flask import Blueprint
from typing_extensions import TypedDict

from zoo import __version__
from zoo.catalog.soundness import check_schema
from zoo.errors import ZooError
from zoo_api.contract import contract
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
    """How the parts are; of the one that is down the reason."""

    database: str
    predictor: NotRequired[Literal["ready", "starting"]]


class Readiness(TypedDict):
    """Whether requests are served."""

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
def is_ready() -> tuple[Readiness, int]:
    """200 once requests are served; 503 naming the part that is down."""
    try:
        with services().catalog.read() as session:
            check_schema(session)
    except ZooError as error:
        return {"status": "down", "parts": {"database": error.detail}}, 503
    is_alive = services().predictor.is_alive()
    parts: Parts = {"database": "ready", "predictor": "ready" if is_alive else "starting"}
    return {"status": "ready", "parts": parts}, 200
