import json

import numpy as np
import onnx
import pytest

from zoo.errors import InvalidError
from zoo.inference.classifiers import classifier_graph, run_classifier
from zoo.inference.engines.onnx import OnnxEngine
from zoo.inference.exporting import export
from zoo.inference.exports import Export, ExportRequest, write_request
from zoo.training.heads import Head


@pytest.fixture
def exported(give, tiny, tiny_ref, tmp_path) -> Export:
    give(lambda _: tiny())
    asked = ExportRequest(backbone=tiny_ref, weights_cache=tmp_path, folder=tmp_path)
    write_request(asked, np.empty((0, 8, 8, 3), np.uint8))
    return export(asked)


@pytest.fixture
def head() -> Head:
    # Features that nearly cancel against the bias, as those of a folded standardisation do.
    matrix = np.array([[9e4, -9e4, 1], [1, 2, 3]], np.float32)
    return Head(matrix=matrix, bias=np.array([-7, 1], np.float32), labels=("chat", "hündin"))


def test_a_classifiers_graph_gives_the_logits_of_network_and_head(exported, head):
    graph = exported.folder / "graph.onnx"
    whole = classifier_graph(graph, head, detail=exported.detail, model="pets:3")

    pixels = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), np.uint8)
    found = run_classifier(whole, pixels)
    np.testing.assert_allclose(
        found, head.logits(OnnxEngine(graph).embed(pixels)), rtol=1e-5, atol=1e-5
    )
    assert found.shape == (5, 2)
    about = {one.key: one.value for one in onnx.load_from_string(whole).metadata_props}
    assert json.loads(about["labels"]) == ["chat", "hündin"]
    assert json.loads(about["preprocessing"])["input_size"] == [8, 8]
    assert about["model"] == "pets:3"


def test_a_head_that_the_graph_does_not_compute_is_refused(exported, head):
    largest = np.full_like(head.matrix, np.finfo(np.float32).max)
    wild = Head(matrix=largest, bias=head.bias, labels=head.labels)
    with pytest.raises(InvalidError) as caught:
        classifier_graph(
            exported.folder / "graph.onnx", wild, detail=exported.detail, model="pets:3"
        )
    assert caught.value.code == "not_exportable"
    assert caught.value.detail.startswith("pets:3 cannot be had as one ONNX graph: its logits ")
