"""The models that a process has loaded, kept warm, each loaded once."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from zoo.backbone import NativeHead, Preprocessing
from zoo.inference.engines import Engine
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.predictor import BackboneDetail, BackboneRef
from zoo.settings import Settings
from zoo.training.heads import Head

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """All that forwarding needs of one backbone."""

    ref: BackboneRef
    detail: BackboneDetail
    preprocessing: Preprocessing
    engine: Engine
    native_head: Head | None


class ModelCache:
    """Loaded models by name; thread-safe, and while one loads the others can be had."""

    def __init__(self, settings: Settings) -> None:
        self._weights = settings.home / "weights"
        self._lock = threading.Lock()
        self._models: dict[BackboneRef, Future[LoadedModel]] = {}

    def get(self, ref: BackboneRef) -> LoadedModel:
        """The model, loaded now if it is not yet; raises what loading raises, each time anew."""
        with self._lock:
            found = self._models.get(ref)
            ours = found is None
            if found is None:
                found = self._models[ref] = Future()
        if ours:
            self._load(ref, found)
        return found.result()

    def _load(self, ref: BackboneRef, model: Future[LoadedModel]) -> None:
        try:
            model.set_result(_load_model(ref, self._weights))
            _log.info("model_loaded", model=ref.name)
        except BaseException as error:  # noqa: BLE001  # those who wait for it must not wait for ever
            with self._lock:
                del self._models[ref]
            model.set_exception(error)


def _load_model(ref: BackboneRef, weights: Path) -> LoadedModel:
    loaded: LoadedBackbone = load_backbone(ref, weights_cache=weights)
    return LoadedModel(
        ref=ref,
        detail=loaded.detail,
        preprocessing=loaded.image_tower.preprocessing,
        engine=EagerEngine(loaded),
        native_head=_head(loaded.backbone.native_head),
    )


def _head(native: NativeHead | None) -> Head | None:
    if native is None:
        return None
    return Head(
        matrix=np.ascontiguousarray(native.matrix.detach().float().numpy()),
        bias=np.ascontiguousarray(native.bias.detach().float().numpy()),
        labels=tuple(native.labels),
    )
