"""The warm models of a worker process."""

from __future__ import annotations

from functools import lru_cache

from zoo.catalog.records import Json
from zoo.errors import PluginError
from zoo.inference.models import LoadedModel, ModelCache
from zoo.predictor import to_ref
from zoo.registry.models import resolve_backbone
from zoo_workers.context import Context


@lru_cache(maxsize=1)
def _cache(context: Context) -> ModelCache:
    return ModelCache(context.settings)


def load_model(context: Context, work: Json) -> LoadedModel:
    """The model that a job's work names, checked to embed into the space that it was asked for."""
    with context.catalog.read() as session:
        record = resolve_backbone(session, work["model"])
    model = _cache(context).get(to_ref(record))
    space_id = model.detail.space.space_id
    if space_id != work["space_id"]:
        raise PluginError(
            f"{record.name} now embeds into space {space_id[:12]}, not {work['space_id'][:12]} "
            "as when this was asked for: its weights or preprocessing have changed",
            plugin=str(record.plugin),
            code="incompatible_space",
        )
    return model
