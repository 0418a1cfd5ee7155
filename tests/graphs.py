"""Graphs that engines forward: pixels in, embeddings out, made in a moment."""

from pathlib import Path

import onnx
from onnx import NodeProto, TensorProto, helper


def sums(folder: Path) -> Path:
    """Gives the sum of each channel of its pixels `(n, 2, 4, 3)`."""
    return _write(folder, *_summing("embeddings"))


def sociable(folder: Path) -> Path:
    """As `sums`, but it adds the mean of what the pictures beside one another give."""
    return _write(
        folder,
        *_summing("sums"),
        helper.make_node("Constant", [], ["first"], value_ints=[0]),
        helper.make_node("ReduceMean", ["sums", "first"], ["mean"], keepdims=1),
        helper.make_node("Add", ["sums", "mean"], ["embeddings"]),
    )


def _summing(output: str) -> tuple[NodeProto, ...]:
    return (
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["axes"], value_ints=[1, 2]),
        helper.make_node("ReduceSum", ["numbers", "axes"], [output], keepdims=0),
    )


def _write(folder: Path, *nodes: NodeProto) -> Path:
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 2, 4, 3])
    embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 3])
    model = helper.make_model(
        helper.make_graph(nodes, "made", [pixels], [embeddings]),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.save(model, folder / "graph.onnx")
    return folder / "graph.onnx"
