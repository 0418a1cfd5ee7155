"""Asking for an extract job: layers, model and items are checked before it is queued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from zoo.catalog import Session
from zoo.catalog import collections as catalog_collections
from zoo.catalog.records import JobRecord, Json
from zoo.errors import ConflictError, InvalidError
from zoo.jobs.intake import submit_extract
from zoo.jobs.specs import ExtractSpec
from zoo.registry.retiring import hold_backbone
from zoo.taps import Form, size_of
from zoo_api.collections import require_collection
from zoo_api.datasets import require_filled
from zoo_api.forwarding import resolve_asked
from zoo_api.layers import choose_taps
from zoo_api.services import services


def prepare_extract(spec: ExtractSpec) -> Callable[[Session], JobRecord]:
    """What submits the job; raises what keeps it from being one."""
    if (spec.collection is None) == (spec.dataset is None):
        raise InvalidError(
            "features are extracted from a collection or from a dataset; name one of them",
            field="collection",
        )
    with services().catalog.read() as session:
        _source(session, spec)
        model = _model(session, spec)
    asked = resolve_asked(model)
    form = Form(layout=spec.layout, pool=spec.pool)
    taps = choose_taps(spec.layers, model=asked.backbone.name, detail=asked.detail, form=form)
    resolved = {
        "model": asked.backbone.name,
        "space_id": asked.detail.space.space_id,
        "taps": [asdict(tap) for tap in taps],
        "item_bytes": size_of(taps),
    }

    def submit(session: Session) -> JobRecord:
        hold_backbone(session, asked.backbone)
        return submit_extract(session, spec, work={**resolved, **_source(session, spec)})

    return submit


def _source(session: Session, spec: ExtractSpec) -> Json:
    """Which items: a collection as it is when the job begins, or a dataset's newest version."""
    if spec.dataset is not None:
        dataset = require_filled(session, spec.dataset)
        return {"dataset_id": dataset.id, "dataset_version": dataset.version}
    collection = require_collection(session, spec.collection or "")
    if not catalog_collections.count_items(session, collection.id):
        raise ConflictError(
            f"collection {collection.name!r} has no items yet; send some and wait for their job",
            code="collection_empty",
        )
    return {"collection_id": collection.id}


def _model(session: Session, spec: ExtractSpec) -> str:
    if spec.model is not None:
        return spec.model
    if spec.collection is None:
        raise InvalidError(
            "a dataset has no model of its own; name the one whose layers are meant",
            field="model",
        )
    return require_collection(session, spec.collection).model
