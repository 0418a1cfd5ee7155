import threading
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from zoo.errors import DamagedError, ImageError, PluginError
from zoo.images.sandbox import Sandbox
from zoo.inference.models import ModelCache
from zoo.inference.pipeline import embed_contents
from zoo.inference.sandboxes import decode_limits
from zoo.settings import Settings


@dataclass(kw_only=True)
class Picture:
    pixels: np.ndarray
    width: int
    height: int


@dataclass
class FakeSandbox:
    """Decodes one byte to a picture of that grey; refuses what is longer."""

    decoded: list[bytes] = field(default_factory=list)
    is_started: bool = False

    def start(self):
        self.is_started = True

    def decode(self, content, preprocessing):
        assert self.is_started
        if len(content) != 1:
            raise ImageError("no picture", code="truncated_image")
        self.decoded.append(content)
        pixels = np.full((*preprocessing.input_size, 3), content[0], np.uint8)
        return Picture(pixels=pixels, width=20, height=10)


@pytest.fixture
def model(give, tiny, tiny_ref, tmp_path):
    give(tiny())
    return ModelCache(Settings(home=tmp_path)).get(tiny_ref)


def grey(number: int):
    return number, lambda: bytes([number])


def test_each_content_gets_its_own_vector_whatever_the_batch(model):
    contents = [grey(number) for number in range(11)]

    found = dict(embed_contents(contents, model=model, sandbox=FakeSandbox(), batch=4))

    assert sorted(found) == list(range(11))
    for number, embedded in found.items():
        np.testing.assert_allclose(embedded.vector, [number / 255] * 3, rtol=1e-5)
        assert (embedded.width, embedded.height) == (20, 10)


def test_the_order_of_sound_contents_is_kept(model):
    contents = [grey(number) for number in range(9)]

    found = embed_contents(contents, model=model, sandbox=FakeSandbox(), batch=4)

    assert [key for key, _ in found] == list(range(9))


def test_a_bad_content_fails_alone(model):
    def vanished():
        raise DamagedError("pack 'a' is missing")

    contents = [grey(1), ("cut", lambda: b"xx"), ("gone", vanished), grey(2)]

    found = dict(embed_contents(contents, model=model, sandbox=FakeSandbox(), batch=8))

    assert (found["cut"].code, str(found["cut"])) == ("truncated_image", "no picture")
    assert (found["gone"].code, str(found["gone"])) == ("damaged_file", "pack 'a' is missing")
    assert found[1].vector.shape == found[2].vector.shape == (3,)


def test_photographs_pass_through_a_real_sandbox_and_a_real_network(lite0, photograph, tmp_path):
    model = ModelCache(Settings(home=tmp_path)).get(lite0)
    names = ["chelsea.png", "coffee.png", "china.jpg"]
    contents = [(name, partial(photograph, name)) for name in names]
    limits = decode_limits(Settings(home=tmp_path))

    with Sandbox(limits) as sandbox:
        twice = [
            dict(embed_contents(contents, model=model, sandbox=sandbox, batch=batch))
            for batch in (1, 8)
        ]
        ((_, failed),) = embed_contents(
            [("cut", lambda: photograph("china.jpg")[:5000])],
            model=model,
            sandbox=sandbox,
            batch=8,
        )

    assert isinstance(failed, ImageError)
    assert (twice[0]["china.jpg"].width, twice[0]["china.jpg"].height) == (640, 427)
    for name in names:
        np.testing.assert_allclose(twice[0][name].vector, twice[1][name].vector, atol=1e-4)


def test_no_contents_give_nothing(model):
    assert list(embed_contents([], model=model, sandbox=FakeSandbox(), batch=8)) == []


def test_decoding_stops_when_nobody_wants_more(model):
    sandbox = FakeSandbox()
    contents = (grey(number % 200) for number in range(10_000))
    results = embed_contents(contents, model=model, sandbox=sandbox, batch=4)
    next(results)

    results.close()

    assert len(sandbox.decoded) < 20
    assert "decoding" not in {thread.name for thread in threading.enumerate()}


def test_an_error_of_the_source_is_raised_where_the_results_are_read(model):
    def contents():
        yield grey(1)
        raise OSError("disk gone")

    with pytest.raises(OSError, match=r"^disk gone$"):
        list(embed_contents(contents(), model=model, sandbox=FakeSandbox(), batch=4))

    assert "decoding" not in {thread.name for thread in threading.enumerate()}


def test_numbers_that_are_not_finite_blame_the_model(model):
    class Broken:
        name = "broken"

        def embed(self, pixels):
            return np.full((len(pixels), 3), np.nan, np.float32)

    object.__setattr__(model, "engine", Broken())

    with pytest.raises(PluginError) as caught:
        list(embed_contents([grey(1)], model=model, sandbox=FakeSandbox(), batch=4))

    assert str(caught.value) == "model 'fake.tiny.w' gave numbers that are not finite"
