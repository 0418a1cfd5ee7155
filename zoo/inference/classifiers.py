"""A whole classifier as one ONNX graph: pixels in, a logit for each label out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from zoo import wire
from zoo.errors import InvalidError
from zoo.inference.agreement import synthetic
from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.engines.onnx import EMBEDDINGS, PIXELS, OnnxEngine
from zoo.inference.models import preprocessing_of
from zoo.predictor import BackboneDetail
from zoo.training.heads import Head

LOGITS = "logits"
"""The graph's output: float32 `(n, labels)`; their softmax is what classifying answers."""
FORMAT = "featurezoo-classifier-onnx-1"
_MOST = 1e-3
"""By which a logit may differ from the head's own, of the largest: rounding, and no more."""


def classifier_graph(graph: Path, head: Head, *, detail: BackboneDetail, model: str) -> bytes:
    """The exported network with the head behind it, verified against the two run by themselves.

    Its metadata holds `labels` and `preprocessing` as JSON, and the model's name. Raises
    `InvalidError` with code `not_exportable` if the two together do not give the same.
    """
    network = onnx.load(graph)
    _append(network.graph, head)
    about = {
        "format": FORMAT,
        "model": model,
        "labels": json.dumps(head.labels, ensure_ascii=False),
        "preprocessing": json.dumps(wire.preprocessing_to_json(preprocessing_of(detail))),
    }
    helper.set_model_props(network, about)
    try:
        whole: bytes = network.SerializeToString()
    except ValueError as error:  # protobuf ends at two gigabytes
        raise _not_exportable(model, str(error)) from error
    _verify(whole, OnnxEngine(graph), head, detail=detail, model=model)
    return whole


def _append(graph: onnx.GraphProto, head: Head) -> None:
    # In float64, as the head itself: raw features times folded weights cancel against the bias.
    wide = np.float64
    graph.initializer.extend(
        [
            numpy_helper.from_array(head.matrix.astype(wide).T.copy(), "head.matrix"),
            numpy_helper.from_array(head.bias.astype(wide), "head.bias"),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("Cast", [EMBEDDINGS], ["head.features"], to=TensorProto.DOUBLE),
            helper.make_node("MatMul", ["head.features", "head.matrix"], ["head.products"]),
            helper.make_node("Add", ["head.products", "head.bias"], ["head.logits"]),
            helper.make_node("Cast", ["head.logits"], [LOGITS], to=TensorProto.FLOAT),
        ]
    )
    del graph.output[:]
    shape: list[str | int] = ["n", len(head.labels)]
    graph.output.append(helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, shape))


def _verify(
    whole: bytes, network: OnnxEngine, head: Head, *, detail: BackboneDetail, model: str
) -> None:
    pixels = synthetic(preprocessing_of(detail).input_size)
    features = network.embed(pixels).astype(np.float64)
    expected = features @ head.matrix.astype(np.float64).T + head.bias
    found = run_classifier(whole, pixels)
    worst = float(np.abs(found - expected).max())
    if not worst <= _MOST * max(1.0, float(np.abs(expected).max())):
        raise _not_exportable(model, f"its logits differ by up to {worst:.3g}")


def run_classifier(whole: bytes, pixels: PixelArray) -> FloatArray:
    """Logits float32 `(n, labels)` for uint8 pixels `(n, height, width, 3)`."""
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    [logits] = session.run([LOGITS], {PIXELS: pixels})
    return np.asarray(logits, np.float32)


def _not_exportable(model: str, why: str) -> InvalidError:
    return InvalidError(
        f"{model} cannot be had as one ONNX graph: {why}; take format=safetensors",
        code="not_exportable",
        field="format",
    )
