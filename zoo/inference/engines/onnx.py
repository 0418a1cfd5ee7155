"""ONNX Runtime on one thread of the CPU: what most backbones run on, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from zoo.inference.engines import FloatArray, PixelArray

PIXELS = "pixels"
"""The exported graph's input: uint8 `(n, height, width, 3)`; normalising is part of the graph."""
EMBEDDINGS = "embeddings"
"""Its output: float32 `(n, dim)`."""
_ERRORS_ONLY = 3


class OnnxEngine:
    """Forwards through an exported graph."""

    name = "onnxruntime"

    def __init__(self, graph: Path) -> None:
        options = onnxruntime.SessionOptions()
        # One thread a process, as everywhere: the cores are shared out among processes.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self._session = onnxruntime.InferenceSession(
            graph, sess_options=options, providers=["CPUExecutionProvider"]
        )

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)`, C-contiguous."""
        [output] = self._session.run([EMBEDDINGS], {PIXELS: np.ascontiguousarray(pixels)})
        return np.ascontiguousarray(output, np.float32)
