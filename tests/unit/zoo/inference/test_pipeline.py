import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from zoo.errors import DamagedError, ImageError, PluginError
from zoo.images.sandbox import Sandbox
from zoo.inference.models import ModelCache
from zoo.inference.pipeline import PICTURES_AHEAD, embed_contents, larger_batch
from zoo.inference.sandboxes import decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings
from zoo.testing import tiny_texts
from zoo.testing.pictures import COLOURS, coloured


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
    lanes: int = 1

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


@pytest.mark.parametrize(("batch", "texts"), [(1, 4), (2, 8), (4, 8), (8, 8), (256, 256)])
def test_texts_are_forwarded_by_more_than_pictures(batch: int, texts: int) -> None:
    assert larger_batch(batch) == texts


def test_each_content_gets_its_own_vector_whatever_the_batch(model):
    contents = [grey(number) for number in range(11)]

    found = dict(embed_contents(contents, model=model, sandbox=FakeSandbox(), batch=4))

    assert sorted(found) == list(range(11))
    for number, embedded in found.items():
        np.testing.assert_allclose(embedded.vector, [number / 255] * 3, rtol=1e-5)
        assert embedded.size == (20, 10)


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
    assert twice[0]["china.jpg"].size == (640, 427)
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

    assert len(sandbox.decoded) <= PICTURES_AHEAD + 4
    assert not any(thread.name.startswith("decoding") for thread in threading.enumerate())


def test_several_sandboxes_decode_at_once_and_the_order_is_kept(model):
    together = threading.Barrier(3, timeout=20)

    def slow(number: int):
        def read():
            if number < 3:
                together.wait()  # passed only by three that are read at the same time
            return bytes([number])

        return number, read

    contents = [slow(number) for number in range(9)]
    sandbox = FakeSandbox(lanes=3)

    found = embed_contents(contents, model=model, sandbox=sandbox, batch=2)

    assert [key for key, _ in found] == list(range(9))


@dataclass
class Ahead:
    """Gives the mean of each channel, once it is waited for."""

    begun: list[int] = field(default_factory=list)
    landed: int = 0
    name: str = "ahead"
    busy_s: float = 0.0

    def embed(self, pixels):
        return self.begin(list(pixels))()

    def begin(self, pictures):
        self.begun.append(len(pictures))
        vectors = np.stack([picture.mean((0, 1)) for picture in pictures]).astype(np.float32)

        def wait():
            self.landed += 1
            return vectors

        return wait


def test_the_next_batch_is_begun_before_one_is_waited_for(model):
    engine = Ahead()
    object.__setattr__(model, "engine", engine)
    contents = [grey(number) for number in range(11)]
    states = []

    results = embed_contents(contents, model=model, sandbox=FakeSandbox(), batch=4)
    for key, embedded in results:
        states.append((len(engine.begun), engine.landed))
        np.testing.assert_array_equal(embedded.vector, [key] * 3)

    assert engine.begun == [4, 4, 3]
    assert states[0] == states[3] == (2, 1)
    assert states[4] == states[7] == (3, 2)
    assert states[8] == (3, 3)
    assert len(states) == 11


def test_an_error_of_the_source_is_raised_where_the_results_are_read(model):
    def contents():
        yield grey(1)
        raise OSError("disk gone")

    with pytest.raises(OSError, match=r"^disk gone$"):
        list(embed_contents(contents(), model=model, sandbox=FakeSandbox(), batch=4))

    assert not any(thread.name.startswith("decoding") for thread in threading.enumerate())


class Broken:
    """An engine that does as it is told."""

    name = "broken"

    def __init__(self, embed):
        self.embed = embed


def explode(error):
    raise error


@pytest.mark.parametrize(
    ("embed", "fault"),
    [
        (lambda _: np.full((1, 3), np.nan, np.float32), "gave numbers that are not finite"),
        (lambda _: np.ones((1, 5), np.float32), "gave float32 (1, 5), not float32 (1, 3)"),
        (lambda _: np.ones((0, 3), np.float32), "gave float32 (0, 3), not float32 (1, 3)"),
        (lambda _: np.ones((1, 3)), "gave float64 (1, 3), not float32 (1, 3)"),
        (lambda _: explode(RuntimeError("no\nmore")), "cannot forward: RuntimeError: no"),
        (lambda _: explode(SystemExit(1)), "cannot forward: SystemExit: 1"),
    ],
)
def test_a_network_that_gives_no_vectors_is_blamed_by_its_plugins_name(model, embed, fault):
    object.__setattr__(model, "engine", Broken(embed))

    with pytest.raises(PluginError) as caught:
        list(embed_contents([grey(1)], model=model, sandbox=FakeSandbox(), batch=4))

    assert str(caught.value) == (
        f"model 'fake.tiny.w' {fault}; have the plugin 'fake' mended, or use another model"
    )


def test_a_network_that_closes_the_standard_streams_takes_them_from_nobody():
    code = """
import os, sys
from zoo.inference.faulting import keeping_streams
with keeping_streams():
    for descriptor in (0, 1, 2):
        os.close(descriptor)
assert os.open(os.devnull, os.O_RDONLY) > 2
print("out", flush=True)
print("err", file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "out\n", "err\n")


class AcceleratorError(RuntimeError):
    """By the name of torch's."""


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("can't allocate memory: 3 bytes"), AcceleratorError("lost")],
)
def test_a_want_of_memory_or_a_lost_gpu_is_no_fault_of_a_plugin(model, error):
    object.__setattr__(model, "engine", Broken(lambda _: explode(error)))

    with pytest.raises(type(error)):
        list(embed_contents([grey(1)], model=model, sandbox=FakeSandbox(), batch=4))


@pytest.fixture
def text_model(give, tmp_path):
    give(tiny_texts.plugin.load)
    cache = ModelCache(Settings(home=tmp_path))

    def load(architecture):
        return cache.get(BackboneRef(plugin="fake", architecture=architecture, weights="v1"))

    return load


def test_texts_get_their_own_vectors_whatever_the_batch_and_no_sandbox(text_model):
    sandbox = FakeSandbox()
    texts = {number: ["one", "two", "three", "four", "five"][: number + 1] for number in range(5)}
    contents = [(number, " ".join(words).encode) for number, words in texts.items()]

    batches = [
        dict(embed_contents(contents, model=text_model("words"), sandbox=sandbox, batch=batch))
        for batch in (1, 3)
    ]

    for number in texts:
        one, other = (found[number] for found in batches)
        assert one.size is None
        np.testing.assert_allclose(one.vector, other.vector, atol=1e-6)
    assert not sandbox.is_started


def test_bytes_that_are_no_text_fail_alone(text_model):
    contents = [("a", lambda: b"fine"), ("b", lambda: b"\xff\xff"), ("c", lambda: b"")]

    found = dict(
        embed_contents(contents, model=text_model("words"), sandbox=FakeSandbox(), batch=8)
    )

    assert found["a"].vector.shape == (64,)
    assert (found["b"].code, found["c"].code) == ("not_text", "empty_file")


def test_two_towers_embed_pictures_and_texts_of_one_job(text_model, tmp_path):
    contents = {
        "picture": coloured(COLOURS["red"]),
        "caption": b"something red",
        "other": b"something blue",
        "cut": coloured(COLOURS["red"])[:60],
    }
    with Sandbox(decode_limits(Settings(home=tmp_path))) as sandbox:
        found = dict(
            embed_contents(
                [(name, lambda content=content: content) for name, content in contents.items()],
                model=text_model("captions"),
                sandbox=sandbox,
                batch=2,
            )
        )

    picture = found["picture"]
    assert picture.size == (32, 32)
    assert found["caption"].vector @ picture.vector > found["other"].vector @ picture.vector
    assert isinstance(found["cut"], ImageError)
