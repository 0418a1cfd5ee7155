"""The models that a process has loaded, kept warm, each loaded once; torch only where needed."""

from __future__ import annotations

import importlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import structlog

from zoo.backbone import IMAGE, TEXT, Preprocessing
from zoo.errors import DamagedError, InvalidError, UnavailableError
from zoo.inference.engines import Engine, TapEngine, TextEngine
from zoo.inference.exports import HEAD, Export, Exports, Samples
from zoo.inference.opening import open_engine
from zoo.inference.placement import Placement
from zoo.predictor import BackboneDetail, BackboneRef
from zoo.settings import EngineChoice, Settings
from zoo.space import FLOAT32
from zoo.storage.blobs import open_blobs
from zoo.training.heads import Head, read_head

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """All that forwarding needs of one backbone; what belongs to a tower it lacks is None."""

    ref: BackboneRef
    detail: BackboneDetail
    preprocessing: Preprocessing | None  # of pictures
    engine: Engine | None  # for pictures
    text_engine: TextEngine | None
    native_head: Head | None
    tap_engine: TapEngine | None = None  # of a built model; an export has no layers
    is_built: bool = False  # it is in torch

    @property
    def image_preprocessing(self) -> Preprocessing:
        """How pictures are prepared; raises `InvalidError` if the model takes none."""
        if self.preprocessing is None:
            raise self._takes_no("pictures", code="images_not_supported")
        return self.preprocessing

    @property
    def image_engine(self) -> Engine:
        """What forwards pictures; raises `InvalidError` if the model takes none."""
        if self.engine is None:
            raise self._takes_no("pictures", code="images_not_supported")
        return self.engine

    @property
    def texts(self) -> TextEngine:
        """What forwards texts; raises `InvalidError` if the model takes none."""
        if self.text_engine is None:
            raise self._takes_no("texts", code="text_not_supported")
        return self.text_engine

    @property
    def taps(self) -> TapEngine:
        """What shows the layers; raises `InvalidError` if the model takes no pictures."""
        if self.tap_engine is None:
            raise self._takes_no("pictures", code="images_not_supported")
        return self.tap_engine

    @property
    def engine_name(self) -> str:
        """What the model runs on."""
        return (self.engine or self.texts).name

    @property
    def size_bytes(self) -> int:
        """What its parameters take in memory."""
        a_number = 4 if self.detail.space.precision == FLOAT32 else 2
        return a_number * self.detail.parameters

    def _takes_no(self, what: str, *, code: str) -> InvalidError:
        towers = " and ".join(self.detail.towers)
        return InvalidError(
            f"model {self.ref.name!r} takes no {what}; its tower is {towers}", code=code
        )


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """A model, and whether it has to be in torch."""

    ref: BackboneRef
    is_built: bool = False


Building = Callable[[BackboneRef], AbstractContextManager[None]]
"""What is entered while a plugin builds a backbone."""


class ModelCache:
    """Loaded models by name and space; thread-safe, and while one loads the others can be had.

    A model whose space is exported here runs without torch. One that is not runs in torch, until
    `export` has made it one that is. On a GPU all run in torch. Those longest unused make room
    for a new one when all parameters together would take more than `settings.model_memory_mb`;
    pinned ones stay.
    """

    def __init__(
        self,
        settings: Settings,
        placement: Placement | None = None,
        *,
        building: Building = lambda _: nullcontext(),
    ) -> None:
        self._settings = settings
        self._while_building = building
        self._placement = placement or Placement()
        self._exports = Exports(settings.home, timeout_s=settings.export_timeout_s)
        self._blobs = open_blobs(settings)
        self._lock = threading.Lock()
        self._models: OrderedDict[_Wanted, Future[LoadedModel]] = OrderedDict()

    def warm_up(self) -> None:
        """Import torch now if the first model is sure to need it."""
        if self._placement.is_gpu or self._exports.is_empty:
            _building()
            _log.info("torch_imported")

    def get(self, ref: BackboneRef, *, samples: Samples | None = None) -> LoadedModel:
        """The model, loaded now if it is not yet; raises what loading raises, each time anew.

        Without a `space_id` it is built, to see what it is; with one it must be of that space.
        On a GPU the `samples` are asked for and compared with the CPU, if it is loaded now.
        """
        return self._get(_Wanted(ref=ref), samples)

    def get_built(self, ref: BackboneRef) -> LoadedModel:
        """The model in torch, whose layers can be looked at, though an export may be there.

        It is the one that `get` gives where that is in torch too.
        """
        return self._get(_Wanted(ref=ref, is_built=True))

    def _get(self, wanted: _Wanted, samples: Samples | None = None) -> LoadedModel:
        with self._lock:
            found = self._models.get(wanted)
            ours = found is None
            if found is None:
                found = self._models[wanted] = Future()
            self._models.move_to_end(wanted)
        if ours:
            self._load(wanted, found, samples)
        try:
            return found.result(timeout=self._settings.predict_timeout_s)
        except TimeoutError as error:
            if found.done():
                raise
            raise UnavailableError(
                f"model {wanted.ref.name!r} is still being loaded; ask again later",
                code="predictor_busy",
            ) from error

    def export(self, ref: BackboneRef, detail: BackboneDetail, *, samples: Samples) -> None:
        """Have the model run without torch from now on, if that can be; waits until it is known.

        Raises what building the backbone raises.
        """
        if not self._is_exportable(detail):
            return
        made = self._exports.make(ref, detail, samples=samples, network=self._network(ref))
        if made.is_ready:
            with self._lock:
                self._forget_built(ref)

    def make_graph(self, ref: BackboneRef, detail: BackboneDetail) -> Export:
        """What exporting the model gives, though it may not run by it here; waits for it.

        Where nobody's pictures have verified it yet, made ones do. Raises as `export` does.
        """
        height, width = preprocessing_of(detail).input_size
        none = np.empty((0, height, width, 3), np.uint8)
        return self._exports.make(ref, detail, samples=lambda: none, network=self._network(ref))

    def is_exported(self, detail: BackboneDetail) -> bool:
        """Whether `export` has nothing left to do: it is done, was refused, or is not wanted."""
        return (
            not self._is_exportable(detail)
            or self._exports.find(detail.space.space_id) is not None
        )

    def _is_exportable(self, detail: BackboneDetail) -> bool:
        # An export has room for one tower, of pictures, and computes in float32 on a CPU.
        return (
            not self._placement.is_gpu
            and self._settings.engine != EngineChoice.EAGER
            and TEXT not in detail.towers
            and detail.space.precision == FLOAT32
        )

    def _forget_built(self, ref: BackboneRef) -> None:
        for known, model in self._loaded().items():
            is_same = known.ref.name == ref.name and not known.is_built
            if is_same and model.is_built:
                del self._models[known]

    def _load(self, wanted: _Wanted, model: Future[LoadedModel], samples: Samples | None) -> None:
        ref = wanted.ref
        try:
            opened = None if wanted.is_built else self._open(ref)
            loaded = opened or self._built(ref) or self._build(ref, samples)
            model.set_result(loaded)
            _log.info("model_loaded", model=ref.name, engine=loaded.engine_name)
        except BaseException as error:  # noqa: BLE001  # those who wait for it must not wait for ever
            with self._lock:
                del self._models[wanted]
            model.set_exception(error)
            return
        with self._lock:  # who asked what it is will ask it to embed, and knows its space by then
            self._models.setdefault(replace(wanted, ref=loaded.ref), model)
            self._make_room(loaded)

    def _built(self, ref: BackboneRef) -> LoadedModel | None:
        """The same model in torch, where it is there for another who asked."""
        with self._lock:
            loaded = self._loaded()
        found = (loaded.get(_Wanted(ref=ref, is_built=is_built)) for is_built in (False, True))
        return next((one for one in found if one and one.is_built), None)

    def _make_room(self, newest: LoadedModel) -> None:
        """Forget what is over the budget; who forwards with it at this moment still has it."""
        sizes = {id(one): one.size_bytes for one in self._loaded().values()}
        excess = sum(sizes.values()) - self._settings.model_memory_mb * 1_000_000
        for known, model in self._loaded().items():
            if excess <= 0:
                return
            if model is newest or known.ref.name in self._settings.pinned:
                continue
            del self._models[known]
            if all(model is not other for other in self._loaded().values()):
                excess -= model.size_bytes
                _log.info("model_forgotten", model=known.ref.name)

    def _loaded(self) -> dict[_Wanted, LoadedModel]:
        """Those that are there, the longest unused first."""
        return {
            wanted: model.result()
            for wanted, model in self._models.items()
            if model.done() and not model.exception()
        }

    def _build(self, ref: BackboneRef, samples: Samples | None) -> LoadedModel:
        given = samples() if samples and self._placement.is_gpu else None
        weights = self._settings.home / "weights"
        build = _building().build_model
        with self._while_building(ref):
            built: LoadedModel = build(
                ref,
                weights=weights,
                network=self._network(ref),
                placement=self._placement,
                samples=given,
            )
        return built

    def _network(self, ref: BackboneRef) -> Path | None:
        return None if ref.network is None else self._blobs.local_path(ref.network.blob_key)

    def _open(self, ref: BackboneRef) -> LoadedModel | None:
        is_torch = self._placement.is_gpu or self._settings.engine == EngineChoice.EAGER
        if ref.space_id is None or is_torch:
            return None
        export = self._exports.find(ref.space_id)
        if export is None or not export.is_ready:
            return None
        try:
            return self._opened(ref, export)
        except DamagedError as error:
            _log.warning("export_damaged", model=ref.name, detail=error.detail)
            self._exports.discard(export)
            return None

    def _opened(self, ref: BackboneRef, export: Export) -> LoadedModel:
        export.check()
        batch = self._placement.graph_batch
        return LoadedModel(
            ref=ref,
            detail=export.detail,
            preprocessing=preprocessing_of(export.detail),
            engine=open_engine(export, wanted=self._settings.engine, batch=batch),
            text_engine=None,
            native_head=read_head(export.folder / HEAD) if export.head_sha256 else None,
        )


def _building() -> ModuleType:
    # By name: what forwards exports only never imports torch.
    try:
        return importlib.import_module("zoo.inference.building")
    except ImportError as error:
        raise UnavailableError(
            f"this process cannot build models: {error}; pip install 'featurezoo[worker]'",
            code="predictor_incomplete",
            retry_after_s=60,
        ) from error


def preprocessing_of(detail: BackboneDetail) -> Preprocessing:
    """How pictures are prepared for the backbone."""
    given = (one.preprocessing for one in detail.space.towers if one.tower == IMAGE)
    return next(one for one in given if isinstance(one, Preprocessing))
