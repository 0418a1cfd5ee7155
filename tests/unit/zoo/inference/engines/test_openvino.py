import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.graphs import sums
from zoo.inference.engines.openvino import OpenVinoEngine


@pytest.fixture
def graph(tmp_path):
    return sums(tmp_path)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_any_number_of_pictures_is_embedded(graph, n, batch):
    pixels = np.arange(n * 24, dtype=np.uint8).reshape(n, 2, 4, 3)

    vectors = OpenVinoEngine(graph, batch=batch).embed(pixels)

    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, pixels.astype(np.float32).sum((1, 2)).reshape(n, 3))


def test_pixels_in_any_order_of_memory_are_taken(graph):
    pixels = np.arange(48, dtype=np.uint8).reshape(2, 2, 4, 3)[:, ::-1]

    vectors = OpenVinoEngine(graph, batch=2).embed(pixels)

    np.testing.assert_array_equal(vectors, pixels.astype(np.float32).sum((1, 2)))


def test_threads_that_ask_at_once_each_get_their_own(graph):
    engine = OpenVinoEngine(graph, batch=2)
    pictures = [np.full((2, 2, 4, 3), level, np.uint8) for level in range(8)]
    found: list[set[float]] = [set() for _ in pictures]

    def ask(level: int) -> None:
        for _ in range(50):
            found[level].update(engine.embed(pictures[level]).flat)

    threads = [threading.Thread(target=ask, args=(level,)) for level in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [{8 * level} for level in range(len(pictures))]


def test_the_callers_own_thread_forwards(graph):
    """So what a shard's forwarding took can be told by the clock of its thread."""
    engine = OpenVinoEngine(graph, batch=2)
    pixels = np.zeros((2000, 2, 4, 3), np.uint8)
    of_thread, of_process = time.thread_time(), time.process_time()

    engine.embed(pixels)

    of_thread, of_process = time.thread_time() - of_thread, time.process_time() - of_process
    assert of_thread >= 0.8 * of_process


def test_it_computes_in_float32_on_one_thread_and_on_any_core(graph):
    compiled = OpenVinoEngine(graph, batch=2)._request.get_compiled_model()

    names = ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING")
    precision, threads, is_pinned = (compiled.get_property(name) for name in names)

    assert (precision.get_type_name(), threads, is_pinned) == ("f32", 1, False)


def test_nothing_is_told_to_anybody_and_no_torch_is_needed(graph, tmp_path):
    """The library would send word of its first import, and keep a number for its user."""
    code = f"""
import sys
from pathlib import Path
from zoo.inference.engines.openvino import OpenVinoEngine
OpenVinoEngine(Path({str(graph)!r}), batch=2)
sys.exit(any(name in sys.modules for name in ("torch", "openvino_telemetry")))
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}

    ended = subprocess.run([sys.executable, "-c", code], env={**environment, "HOME": str(home)})

    assert ended.returncode == 0
    assert list(home.iterdir()) == []
