"""Opens exports with the engine that their record names, or the one that is asked for."""

from __future__ import annotations

import structlog

from zoo.errors import DamagedError
from zoo.inference.engines import Engine
from zoo.inference.exports import GRAPH, Export
from zoo.inference.runtimes import ONNXRUNTIME, open_graph
from zoo.settings import EngineChoice

_log = structlog.get_logger()


def engine_of(export: Export, *, wanted: EngineChoice) -> str:
    """The name of the engine: of those that were verified, so that a wish may not be granted."""
    if wanted == EngineChoice.AUTO:
        return export.engine
    return wanted if wanted in export.rates else ONNXRUNTIME


def open_engine(export: Export, *, wanted: EngineChoice = EngineChoice.AUTO, batch: int) -> Engine:
    """The engine for an export that is ready, for `batch` pictures at a time.

    ONNX Runtime takes the place of an engine that this process lacks. Raises `DamagedError` if
    the graph cannot be loaded.
    """
    name = engine_of(export, wanted=wanted)
    graph = export.folder / GRAPH
    try:
        try:
            return open_graph(name, graph, batch=batch)
        except ImportError as error:
            if name == ONNXRUNTIME:
                raise
            _log.warning("engine_missing", engine=name, instead=ONNXRUNTIME, reason=str(error))
        return open_graph(ONNXRUNTIME, graph, batch=batch)
    except Exception as error:  # whatever a library raises for a graph that it cannot run
        raise DamagedError(f"the export {export.folder} cannot be loaded: {error}") from error
