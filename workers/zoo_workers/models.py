"""The warm models of a worker process."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from zoo.backbone import IMAGE, Preprocessing
from zoo.catalog.records import Json
from zoo.inference.engines import AheadEngine, PixelArray
from zoo.inference.models import LoadedModel, ModelCache, preprocessing_of
from zoo.inference.pipeline import larger_batch
from zoo.predictor import detail_from_json, to_ref
from zoo.registry.models import resolve_backbone
from zoo_workers.context import Context

SamplesOf = Callable[[Preprocessing], list[PixelArray]]
"""Some of a shard's own pictures, prepared as asked."""


@lru_cache(maxsize=1)
def _cache(context: Context) -> ModelCache:
    return ModelCache(context.settings, context.placement)


def load_model(context: Context, work: Json, *, samples: SamplesOf) -> LoadedModel:
    """The model that a job's work names, in the space that it was asked for.

    The first to need one on this machine has it exported, verified on its pictures; on a GPU
    the first in this process has it verified there.
    """
    space_id: str = work["space_id"]
    with context.catalog.read() as session:
        record = resolve_backbone(session, work["model"])
    ref = to_ref(record, space_id=space_id)
    cache = _cache(context)
    detail = None if record.detail is None else detail_from_json(dict(record.detail))
    if detail is None or IMAGE not in detail.towers:
        return cache.get(ref)
    real = partial(_stacked, samples, preprocessing_of(detail))
    if not cache.is_exported(detail):
        cache.export(ref, detail, samples=real)
    return cache.get(ref, samples=real)


def load_built(context: Context, work: Json) -> LoadedModel:
    """The model that a job's work names, in torch, whose layers can be looked at."""
    with context.catalog.read() as session:
        record = resolve_backbone(session, work["model"])
    return _cache(context).get_built(to_ref(record, space_id=work["space_id"]))


def _stacked(samples: SamplesOf, preprocessing: Preprocessing) -> PixelArray:
    height, width = preprocessing.input_size
    none = np.empty((0, height, width, 3), np.uint8)
    return np.concatenate([none, *(one[None] for one in samples(preprocessing))])


def batch_for(context: Context, model: LoadedModel) -> int:
    """Contents a forward: those of a GPU are more, where it takes the model.

    In torch they are more than in a graph.
    """
    is_on_core = model.engine is not None and not isinstance(model.engine, AheadEngine)
    most = context.settings.forward_batch if is_on_core else context.placement.batch
    return larger_batch(most) if model.is_built else most
