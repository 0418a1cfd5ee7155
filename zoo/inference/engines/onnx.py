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
    """Forwards through an exported graph, a multiple of `batch` pictures at a time.

    What is missing is black pictures: the vector of one that is alone would differ in its last
    bits from what it is in a pair, with LeViT, Swin, Hiera, Sequencer and others.
    """

    name = "onnxruntime"

    def __init__(self, graph: Path, *, batch: int = 1) -> None:
        self._batch = batch
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
        n = len(pixels)
        missing = np.zeros((-n % self._batch, *pixels.shape[1:]), np.uint8)
        whole = np.concatenate([pixels, missing]) if len(missing) else pixels
        [output] = self._session.run([EMBEDDINGS], {PIXELS: np.ascontiguousarray(whole)})
        return np.ascontiguousarray(output[:n], np.float32)
