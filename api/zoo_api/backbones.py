"""Backbones ready for use: described, resolved, and with their detail tier."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from flask import current_app

from zoo.catalog import Session, models, plugins
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.errors import PluginError, UnavailableError, WeightsUnavailableError
from zoo.predictor import (
    BackboneDetail,
    detail_at,
    detail_from_json,
    detail_to_json,
    to_ref,
)
from zoo.registry.models import is_own, resolve_backbone
from zoo.space import FLOAT32, split_precision
from zoo_api.services import services

Found = TypeVar("Found")
Ready = tuple[ModelRecord, BackboneDetail]
POLL_S = 0.2
MOST_KEPT = 1000


class BackboneShelf:
    """Backbones as one process knows them: for a moment without a query a request.

    A backbone that changes meanwhile embeds into another space, which the predictor refuses to
    take for the one that it is asked for. Thread-safe.
    """

    def __init__(self, *, fresh_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh_s = fresh_s
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, Ready]] = OrderedDict()

    def get(self, name: str, find: Callable[[], Ready]) -> Ready:
        """What `find` finds under a name, or found a moment ago.

        One looks anew at a time, while others go on with what was found before.
        """
        began = self._clock()
        found_at, found = self._found.get(name, (0.0, None))
        if found is not None:
            if began - found_at < self._fresh_s:
                return found
            self._found[name] = began, found
        try:
            found = find()
        except BaseException:
            self._found.pop(name, None)
            raise
        self._found[name] = began, found
        while len(self._found) > MOST_KEPT:
            self._found.popitem(last=False)
        return found


def ready_backbone(name: str) -> Ready:
    """A backbone by name, as `find_backbone` finds it or did a moment ago.

    Which version a user's own name means is asked each time, as aliases move.
    """
    if is_own(name):
        name = await_described(lambda session: resolve_backbone(session, name)).name
    return _shelved(name)


def backbone_under(version: VersionRecord) -> Ready:
    """What a version's head stands on: the network tuned with it, or its backbone."""
    return _shelved(version.backbone if version.weights_key is None else version.name)


def _shelved(name: str) -> Ready:
    shelf: BackboneShelf = current_app.extensions["zoo_backbones"]
    return shelf.get(name, lambda: find_backbone(name))


def find_backbone(name: str) -> Ready:
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
        # Kept with the plain name, as the registry has no row for each precision.
        plain, _ = split_precision(model.name)
        models.set_detail(session, plain, detail_to_json(detail_at(detail, FLOAT32)))
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
