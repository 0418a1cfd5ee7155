"""Backbones ready for use: described, resolved, and with their detail tier."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from zoo.catalog import Session, models
from zoo.catalog.records import ModelRecord
from zoo.errors import UnavailableError
from zoo.predictor import BackboneDetail, detail_from_json, detail_to_json, to_ref
from zoo.registry.models import resolve_backbone
from zoo_api.services import services

Found = TypeVar("Found")
POLL_S = 0.2


def ready_backbone(name: str) -> tuple[ModelRecord, BackboneDetail]:
    """A backbone by name with all that building it told; waits while its plugin is described.

    Raises as `resolve_backbone` does, and `WeightsUnavailableError` if the parameters are not
    on this machine, `UnavailableError` if the predictor does not answer.
    """
    model = await_described(lambda session: resolve_backbone(session, name))
    if model.detail is not None:
        return model, detail_from_json(dict(model.detail))
    detail = services().predictor.detail(to_ref(model))
    with services().catalog.write() as session:
        models.set_detail(session, model.name, detail_to_json(detail))
    return model, detail


def await_described(find: Callable[[Session], Found]) -> Found:
    """What `find` finds; asked again while a plugin that it needs is being described."""
    deadline = time.monotonic() + services().settings.plugin_wait_s
    while True:
        try:
            with services().catalog.read() as session:
                return find(session)
        except UnavailableError as error:
            if error.code != "plugin_pending" or time.monotonic() >= deadline:
                raise
        time.sleep(POLL_S)
