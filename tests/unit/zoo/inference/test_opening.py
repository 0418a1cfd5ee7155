import sys
from dataclasses import replace

import pytest
import structlog.testing

from tests.graphs import sums
from zoo.errors import DamagedError
from zoo.inference.exports import Export
from zoo.inference.loading import load_backbone
from zoo.inference.opening import engine_of, open_engine
from zoo.inference.runtimes import ONNXRUNTIME, OPENVINO
from zoo.settings import EngineChoice

RATES = {ONNXRUNTIME: 100.0, OPENVINO: 120.0}


@pytest.fixture
def export(tmp_path, give, tiny, tiny_ref):
    give(tiny())
    detail = load_backbone(tiny_ref, weights_cache=tmp_path / "weights").detail
    sums(tmp_path)
    return Export(folder=tmp_path, detail=detail, engine=OPENVINO, rates=RATES)


@pytest.mark.parametrize(
    ("wanted", "rates", "name"),
    [
        (EngineChoice.AUTO, RATES, OPENVINO),
        (EngineChoice.ONNXRUNTIME, RATES, ONNXRUNTIME),
        (EngineChoice.OPENVINO, RATES, OPENVINO),
        (EngineChoice.OPENVINO, {}, ONNXRUNTIME),  # it was not verified here
    ],
)
def test_the_recorded_engine_is_taken_or_the_one_that_is_asked_for(export, wanted, rates, name):
    assert engine_of(replace(export, rates=rates), wanted=wanted) == name


def test_the_engine_that_forwards_says_its_name(export):
    names = [
        open_engine(export, wanted=wanted, batch=2).name
        for wanted in (EngineChoice.AUTO, EngineChoice.ONNXRUNTIME)
    ]

    assert names == [OPENVINO, ONNXRUNTIME]


def test_a_process_without_openvino_forwards_by_onnxruntime_and_says_so(export, monkeypatch):
    monkeypatch.setitem(sys.modules, "zoo.inference.engines.openvino", None)

    with structlog.testing.capture_logs() as logs:
        engine = open_engine(export, batch=2)

    assert engine.name == ONNXRUNTIME
    [line] = logs
    assert (line["event"], line["engine"], line["instead"]) == (
        "engine_missing",
        OPENVINO,
        ONNXRUNTIME,
    )


@pytest.mark.parametrize("wanted", [EngineChoice.AUTO, EngineChoice.ONNXRUNTIME])
def test_a_graph_that_no_engine_can_load_is_damaged(export, wanted):
    (export.folder / "graph.onnx").write_bytes(b"no graph")

    with pytest.raises(DamagedError, match="cannot be loaded"):
        open_engine(export, wanted=wanted, batch=2)
