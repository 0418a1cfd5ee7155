"""Is the service there, is it ready, and what is it."""

from __future__ import annotations

from flask import Blueprint

from zoo import __version__
from zoo.catalog.soundness import check_schema
from zoo.errors import ZooError
from zoo_api.services import services

system = Blueprint("system", __name__)


@system.get("/")
def show_service() -> dict[str, object]:
    """The service's name, version and first addresses."""
    paths = ("/v1/models", "/v1/collections", "/v1/datasets", "/v1/jobs", "/readyz")
    return {"name": "featurezoo", "version": __version__, "paths": list(paths)}


@system.get("/livez")
def is_alive() -> dict[str, str]:
    """200 while the process answers."""
    return {"status": "alive"}


@system.get("/readyz")
def is_ready() -> tuple[dict[str, object], int]:
    """200 once requests are served; 503 naming the part that is down."""
    try:
        with services().catalog.read() as session:
            check_schema(session)
    except ZooError as error:
        return {"status": "down", "parts": {"database": error.detail}}, 503
    predictor = "ready" if services().predictor.is_alive() else "starting"
    return {"status": "ready", "parts": {"database": "ready", "predictor": predictor}}, 200
