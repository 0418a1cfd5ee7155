"""OpenVINO on one thread of the CPU: with some networks faster than ONNX Runtime, as exact."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from zoo.inference.engines import FloatArray, PixelArray

_OPTIONS: Mapping[str, str | int | bool] = {
    # One thread a process, that of the caller: the cores are shared out among processes, and
    # those that each chose a core for themselves might choose the same.
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,
    "PERFORMANCE_HINT": "LATENCY",
    # Left to itself it rounds to half of the bits wherever the processor can compute with those.
    "INFERENCE_PRECISION_HINT": "f32",
}
_CONVERTER = "openvino.tools.ovc"


class OpenVinoEngine:
    """Forwards through an exported graph, `batch` pictures at a time; thread-safe.

    It is compiled for so many, which makes it 5 to 10 % faster than for any number; what is
    missing in the last batch is black pictures.
    """

    name = "openvino"

    def __init__(self, graph: Path, *, batch: int) -> None:
        core = _openvino().Core()
        model = core.read_model(graph)
        shape = model.input(0).partial_shape
        shape[0] = batch
        model.reshape({model.input(0): shape})
        compiled = core.compile_model(model, "CPU", dict(_OPTIONS))
        self._request = compiled.create_infer_request()
        self._shape = tuple(compiled.input(0).shape)
        self._dim = int(compiled.output(0).shape[1])
        self._turn = threading.Lock()  # a request has room for one

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)`, C-contiguous."""
        pixels = np.ascontiguousarray(pixels)
        batch = self._shape[0]
        vectors = np.empty((len(pixels), self._dim), np.float32)
        for start in range(0, len(pixels), batch):
            part = pixels[start : start + batch]
            vectors[start : start + batch] = self._forward(part)[: len(part)]
        return vectors

    def _forward(self, pixels: PixelArray) -> FloatArray:
        whole = pixels
        if len(pixels) < self._shape[0]:
            whole = np.zeros(self._shape, np.uint8)
            whole[: len(pixels)] = pixels
        with self._turn:
            self._request.infer({0: whole}, share_inputs=True)
            vectors: FloatArray = self._request.get_output_tensor(0).data.copy()
        return vectors


@cache
def _openvino() -> ModuleType:
    """The library without its converter of models, which is not needed for a graph.

    Loading the converter would tell a server of its makers that it was loaded, and leave files in
    the user's home.
    """
    loaded = sys.modules.get(_CONVERTER)
    if loaded is None:
        sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # that is: not to be had
    try:
        return importlib.import_module("openvino")
    finally:
        if loaded is None:
            del sys.modules[_CONVERTER]  # others in the process may want it
