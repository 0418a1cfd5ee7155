"""Backbones ready for use: described, resolved, and with their detail tier."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from zoo.catalog import Session, models, plugins
from zoo.catalog.records import ModelRecord
from zoo.errors import PluginError, UnavailableError, WeightsUnavailableError
from zoo.predictor import BackboneDetail, detail_from_json, detail_to_json, to_ref
from zoo.registry.models import resolve_backbone
from zoo_api.services import services

Found = TypeVar("Found")
POLL_S = 0.2


def ready_backbone(name: str) -> tuple[ModelRecord, BackboneDetail]:
    """A backbone by name with all that building it told; waits while its plugin is described.

    Raises as `resolve_backbone` does, and `WeightsUnavailableError` if the parameters are not
    on this machine, `UnavailableError` if the predictor does not answer. What else a plugin
    fails with is kept, so that the list of plugins tells it.
    """
    model = await_described(lambda session: resolve_backbone(session, name))
    if model.detail is not None:
        return model, detail_from_json(dict(model.detail))
    detail = _build(model)
    with services().catalog.write() as session:
        models.set_detail(session, model.name, detail_to_json(detail))
        plugins.note_success(session, model.plugin or "")
    return model, detail


def _build(model: ModelRecord) -> BackboneDetail:
    try:
        return services().predictor.detail(to_ref(model, space_id=None))
    except WeightsUnavailableError:
        raise
    except PluginError as error:
        with services().catalog.write() as session:
            plugins.note_fault(session, model.plugin or "", reason=error.detail)
        raise


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
