import time
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.images.sandbox import Sandbox
from zoo.inference.models import LoadedModel
from zoo.inference.sandboxes import decode_limits
from zoo.settings import Settings
from zoo.testing.pictures import picture
from zoo_workers.effort import Stopwatch, TimedEngine, TimedTextEngine


@pytest.fixture
def sandbox(tmp_path):
    with Sandbox(decode_limits(Settings(home=tmp_path))) as made:
        yield made


def spend(seconds: float) -> None:
    deadline = time.thread_time() + seconds
    while time.thread_time() < deadline:
        pass


class Busy:
    """Takes 50 ms of this thread's processor for whatever it is asked."""

    name = "busy"

    def embed(self, given):
        spend(0.05)
        return given


def test_forwarding_is_timed_apart_from_the_rest(sandbox):
    stopwatch = Stopwatch(sandbox)
    pixels = np.zeros((2, 4, 4, 3), np.uint8)

    assert TimedEngine(Busy(), stopwatch).embed(pixels) is pixels
    assert TimedTextEngine(Busy(), stopwatch).embed(["a"]) == ["a"]
    spend(0.02)
    effort = stopwatch.read(n=3, engine="busy")

    assert effort.n == 3
    assert effort.engine == "busy"
    assert effort.forward_s >= 0.1
    assert effort.cpu_s >= effort.forward_s + 0.02
    assert effort.wall_s >= 0.12
    assert effort.decode_s == 0.0


def test_decoding_is_the_time_of_the_sandboxs_child(sandbox):
    sandbox.measure(picture(1))
    stopwatch = Stopwatch(sandbox)

    before = sandbox.cpu_s()
    while sandbox.cpu_s() - before < 0.03:
        sandbox.measure(picture(2))

    assert stopwatch.read(n=1, engine="busy").decode_s >= 0.03


def test_a_child_that_was_replaced_takes_no_time_back(sandbox):
    sandbox.measure(picture(1))
    while sandbox.cpu_s() < 0.1:
        sandbox.measure(picture(2))
    stopwatch = Stopwatch(sandbox)
    sandbox.close()

    assert stopwatch.read(n=1, engine="busy").decode_s == 0.0


def test_only_the_engines_that_a_model_has_are_timed(sandbox):
    stopwatch = Stopwatch(sandbox)
    engine = TimedEngine(SimpleNamespace(name="onnxruntime"), stopwatch)

    assert engine.name == "onnxruntime"


class OnDevice:
    """Has forwarded for as long as it is told to have."""

    name = "cuda compiled"
    busy_s = 5.0

    def embed(self, pixels):
        return pixels

    def begin(self, pictures):
        return lambda: pictures


def test_an_engine_with_a_device_of_its_own_times_itself(sandbox):
    stopwatch = Stopwatch(sandbox)
    engine = OnDevice()
    model = LoadedModel(
        ref=None, detail=None, preprocessing=None, engine=engine, text_engine=None,
        native_head=None,
    )  # fmt: skip

    assert stopwatch.watched(model).engine is engine
    engine.busy_s = 5.75
    effort = stopwatch.read(n=1, engine=engine.name)

    assert (effort.forward_s, effort.lanes) == (0.75, 1)
