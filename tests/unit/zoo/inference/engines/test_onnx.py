import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from tests.graphs import sociable, sums
from zoo.inference.engines.onnx import OnnxEngine


@pytest.fixture
def graph(tmp_path):
    return sums(tmp_path)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_any_number_of_pictures_is_embedded(graph, n):
    pixels = np.arange(n * 24, dtype=np.uint8).reshape(n, 2, 4, 3)

    vectors = OnnxEngine(graph).embed(pixels)

    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, pixels.astype(np.float32).sum((1, 2)))


def test_pixels_in_any_order_of_memory_are_taken(graph):
    pixels = np.arange(48, dtype=np.uint8).reshape(2, 2, 4, 3)[:, ::-1]

    vectors = OnnxEngine(graph).embed(pixels)

    np.testing.assert_array_equal(vectors, pixels.astype(np.float32).sum((1, 2)))


def test_a_picture_without_a_neighbour_is_forwarded_in_a_pair_too(tmp_path):
    pixels = np.arange(72, dtype=np.uint8).reshape(3, 2, 4, 3)
    engine = OnnxEngine(sociable(tmp_path), batch=2)

    alone, three = engine.embed(pixels[2:]), engine.embed(pixels)

    beside_black = engine.embed(np.stack([pixels[2], np.zeros_like(pixels[2])]))
    np.testing.assert_array_equal(alone, beside_black[:1])
    np.testing.assert_array_equal(
        three, engine.embed(np.concatenate([pixels, np.zeros_like(pixels[:1])]))[:3]
    )


def test_one_thread_forwards(graph):
    engine = OnnxEngine(graph)

    options = engine._session.get_session_options()

    assert isinstance(options, onnxruntime.SessionOptions)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_the_engine_needs_no_torch():
    code = "import sys, zoo.inference.engines.onnx; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
