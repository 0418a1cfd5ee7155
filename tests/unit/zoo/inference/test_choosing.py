from itertools import count

import numpy as np
import pytest

from tests.graphs import sociable, sums
from zoo.inference import choosing
from zoo.inference.choosing import Choice, UnfitError, check_fit, choose, fastest, measure
from zoo.inference.runtimes import ONNXRUNTIME, OPENVINO, open_graph

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 2, 4, 3), np.uint8)
SUMS = PIXELS.astype(np.float32).sum((1, 2))


def ticking():
    """A clock on which everything takes as long."""
    times = count()
    return lambda: float(next(times))


@pytest.mark.parametrize(
    ("of_onnxruntime", "of_openvino", "engine"),
    [(100, 125, OPENVINO), (100, 105, OPENVINO), (100, 104, ONNXRUNTIME), (100, 80, ONNXRUNTIME)],
)
def test_openvino_is_taken_where_it_is_worth_it(of_onnxruntime, of_openvino, engine):
    assert fastest({ONNXRUNTIME: of_onnxruntime, OPENVINO: of_openvino}) == engine


def test_both_are_measured_where_both_give_torchs_numbers(tmp_path):
    found = choose(sums(tmp_path), PIXELS, expected=SUMS, clock=ticking())

    assert found == Choice(engine=ONNXRUNTIME, rates={ONNXRUNTIME: 2.0, OPENVINO: 2.0})


def test_each_engine_has_its_turn_in_every_round():
    clock = ticking()
    asked: list[str] = []

    class Slow:
        def __init__(self, name: str, *, ticks: int) -> None:
            self.name, self._ticks = name, ticks

        def embed(self, pixels):
            asked.append(self.name)
            for _ in range(self._ticks):
                clock()
            return pixels

    rates = measure({"a": Slow("a", ticks=0), "b": Slow("b", ticks=3)}, PIXELS, clock=clock)

    assert rates == {"a": 5.0, "b": 1.2}
    assert asked == ["a", "b"] * 8


def test_where_openvino_is_not_installed_there_is_no_choice(tmp_path, monkeypatch):
    monkeypatch.setattr(choosing, "version_of", lambda _: "")

    assert choose(sums(tmp_path), PIXELS, expected=SUMS) == Choice(engine=ONNXRUNTIME)


def test_openvino_is_refused_where_neighbours_matter(tmp_path):
    graph = sociable(tmp_path)

    found = choose(graph, PIXELS, expected=open_graph(ONNXRUNTIME, graph, batch=1).embed(PIXELS))

    assert found.engine == ONNXRUNTIME
    assert found.refused.startswith("UnfitError: ")


def test_a_vector_may_not_depend_on_the_pictures_beside_it(tmp_path):
    with pytest.raises(UnfitError) as caught:
        check_fit(sociable(tmp_path), PIXELS, expected=2 * SUMS)

    assert str(caught.value) == "what it gives for a picture depends on the pictures beside it"


def test_openvino_is_compared_with_torch_itself(tmp_path):
    expected = SUMS.copy()
    expected[3] *= 1.001

    with pytest.raises(UnfitError) as caught:
        check_fit(sums(tmp_path), PIXELS, expected=expected)

    assert str(caught.value) == "it agrees with torch to 0.999001 only"


def test_a_graph_that_openvino_cannot_read_is_left_to_onnxruntime(tmp_path):
    (tmp_path / "graph.onnx").write_bytes(b"no graph")

    found = choose(tmp_path / "graph.onnx", PIXELS, expected=SUMS)

    assert (found.engine, found.rates) == (ONNXRUNTIME, {})
    assert found.refused.startswith("RuntimeError: ")
