"""The libraries that run exported graphs on a CPU: which are installed, and the engine of each."""

from __future__ import annotations

import importlib
import importlib.metadata
from functools import cache
from pathlib import Path

from zoo.inference.engines import Engine

ONNXRUNTIME, OPENVINO = "onnxruntime", "openvino"
GRAPH_BATCH = 2
"""Pictures that are forwarded at a time; more no longer fit a core's cache."""


@cache
def version_of(runtime: str) -> str:
    """The version that is installed; empty: none. The library is not loaded for it."""
    try:
        return importlib.metadata.version(runtime)
    except importlib.metadata.PackageNotFoundError:
        return ""


def open_graph(runtime: str, graph: Path, *, batch: int) -> Engine:
    """The engine for a graph, that forwards `batch` pictures at a time, or a multiple.

    Raises `ImportError` where the library cannot be loaded, else whatever it raises for a graph
    that it cannot run.
    """
    # By name: a process loads the library that it forwards with, and no other.
    if runtime == OPENVINO:
        module = importlib.import_module("zoo.inference.engines.openvino")
        compiled: Engine = module.OpenVinoEngine(graph, batch=batch)
        return compiled
    module = importlib.import_module("zoo.inference.engines.onnx")
    opened: Engine = module.OnnxEngine(graph, batch=batch)
    return opened
