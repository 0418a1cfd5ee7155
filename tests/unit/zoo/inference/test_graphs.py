import threading
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.errors import InvalidError, PluginError, UnavailableError
from zoo.inference.exports import Export
from zoo.inference.graphs import Graphs
from zoo.inference.loading import load_backbone
from zoo.predictor import detail_at


@pytest.fixture
def detail(give, tiny, tiny_ref, tmp_path):
    give(tiny())
    return load_backbone(tiny_ref, weights_cache=tmp_path).detail


@pytest.fixture
def made(detail) -> Export:
    return Export(folder=Path(), detail=detail, sha256="1" * 64)


def test_a_graph_is_made_once_however_many_ask(tiny_ref, detail, made):
    asked, may_end = [], threading.Event()

    def make(ref, _):
        asked.append(ref)
        may_end.wait(10)
        return made

    graphs = Graphs(make, wait_s=0.01)
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            graphs.get(tiny_ref, detail)
    patient = Graphs.get
    may_end.set()

    assert (caught.value.code, caught.value.retry_after_s) == ("export_pending", 5)
    assert caught.value.detail == ("the graph of fake.tiny.w is being made; ask again in a moment")
    assert asked == [tiny_ref]
    assert patient(Graphs(make), tiny_ref, detail) == made


def test_what_went_wrong_is_told_and_tried_again(tiny_ref, detail, made):
    results = [PluginError("it does not build", plugin="fake"), made]

    def make(*_):
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    graphs = Graphs(make)
    with pytest.raises(PluginError, match="it does not build"):
        graphs.get(tiny_ref, detail)
    assert graphs.get(tiny_ref, detail) == made


def test_what_was_cut_off_is_to_be_asked_for_again(tiny_ref, detail, made):
    cut = replace(made, sha256="", reason="it was cut off a moment ago", is_final=False)
    with pytest.raises(UnavailableError) as caught:
        Graphs(lambda *_: cut).get(tiny_ref, detail)
    assert (caught.value.code, caught.value.retry_after_s) == ("export_pending", 600)
    assert caught.value.detail == (
        "the graph of fake.tiny.w could not be made yet: it was cut off a moment ago; ask again "
        "later"
    )


def test_a_network_that_no_graph_can_hold_is_refused_with_the_reason(tiny_ref, detail, made):
    graphs = Graphs(lambda *_: replace(made, sha256="", reason="by tracing: no"))
    refusals = [
        (detail, "by tracing: no"),
        (detail_at(detail, "bfloat16"), "it computes in bfloat16, a graph in float32"),
        (replace(detail, towers=("image", "text")), "it has a tower for texts, and a graph has "
         "room for pictures"),
    ]  # fmt: skip
    for what, why in refusals:
        with pytest.raises(InvalidError) as caught:
            graphs.get(tiny_ref, what)
        assert caught.value.detail == (
            f"fake.tiny.w cannot be exported: {why}; take format=safetensors"
        )
        assert caught.value.code == "not_exportable"
