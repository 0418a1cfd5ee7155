import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from zoo.inference.engines.eager import EagerEngine
from zoo.inference.joining import JoiningEngine
from zoo.inference.loading import load_backbone

TIMEOUT_S = 20


class Held:
    """Gives the first number of each picture, when it is let; refuses a batch with a 13 in it."""

    name = "held"

    def __init__(self) -> None:
        self.refusal: BaseException = RuntimeError("13")
        self.batches: list[list[int]] = []
        self.has_begun = threading.Semaphore(0)
        self.goes_on = threading.Semaphore(0)

    def embed(self, pixels):
        numbers = pixels.reshape(len(pixels), -1)[:, :1].astype(np.float32)
        self.batches.append([int(number) for (number,) in numbers])
        self.has_begun.release()
        assert self.goes_on.acquire(timeout=TIMEOUT_S)
        if 13 in numbers:
            raise self.refusal
        return numbers


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(16) as made:
        yield made


def pixels(*numbers: int) -> np.ndarray:
    return np.stack([np.full((2, 2, 3), number, np.uint8) for number in numbers])


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.001)
    return holds()


def ask(threads, joined: JoiningEngine, *numbers: int) -> Future:
    """Ask from a thread of its own; returns once the question waits."""
    before = len(joined._waiting)
    asked = threads.submit(joined.embed, pixels(*numbers))
    assert eventually(lambda: len(joined._waiting) == before + 1)
    return asked


@pytest.fixture
def occupied(held, threads):
    """A joining engine that is forwarding picture 0."""

    def occupy(most: int) -> tuple[JoiningEngine, Future]:
        joined = JoiningEngine(held, most=most)
        first = threads.submit(joined.embed, pixels(0))
        assert held.has_begun.acquire(timeout=TIMEOUT_S)
        return joined, first

    return occupy


def answer(asked: Future) -> list[float]:
    return [float(number) for (number,) in asked.result(TIMEOUT_S)]


def test_who_comes_alone_is_forwarded_at_once(held):
    held.goes_on.release()

    vectors = JoiningEngine(held, most=8).embed(pixels(3, 4))

    assert vectors.tolist() == [[3], [4]]
    assert held.batches == [[3, 4]]


def test_who_comes_during_a_forward_is_joined_in_the_order_of_coming(held, threads, occupied):
    joined, first = occupied(8)
    asked = [ask(threads, joined, *numbers) for numbers in ((1, 2), (3,), (4,))]
    held.goes_on.release(2)

    assert [answer(one) for one in (first, *asked)] == [[0], [1, 2], [3], [4]]
    assert held.batches == [[0], [1, 2, 3, 4]]


def test_a_batch_has_its_most_and_nobody_is_overtaken(held, threads, occupied):
    joined, _ = occupied(4)
    asked = [
        ask(threads, joined, *numbers)
        for numbers in ((1, 1, 1), (2, 2, 2), (3,), (4, 4, 4, 4), (5,))
    ]
    held.goes_on.release(5)

    assert [len(answer(one)) for one in asked] == [3, 3, 1, 4, 1]
    assert held.batches == [[0], [1, 1, 1], [2, 2, 2, 3], [4, 4, 4, 4], [5]]


def test_who_waits_has_an_answer_after_the_forward_that_went_on_and_its_own(
    held, threads, occupied
):
    joined, first = occupied(2)
    early = ask(threads, joined, 1)
    later = [ask(threads, joined, n, n) for n in range(2, 8)]
    held.goes_on.release(2)

    assert answer(early) == [1]
    assert answer(first) == [0]
    assert not any(one.done() for one in later)
    held.goes_on.release(6)
    assert [answer(one) for one in later] == [[n, n] for n in range(2, 8)]


@pytest.mark.parametrize("refusal", [RuntimeError("13"), SystemExit("13")])
def test_what_fails_fails_alone(held, threads, occupied, refusal):
    held.refusal = refusal
    joined, _ = occupied(8)
    asked = [ask(threads, joined, n) for n in (1, 13, 2)]
    held.goes_on.release(5)

    assert (answer(asked[0]), answer(asked[2])) == ([1], [2])
    with pytest.raises(type(refusal), match=r"^13$"):
        asked[1].result(TIMEOUT_S)
    assert held.batches == [[0], [1, 13, 2], [1], [13], [2]]


def test_nothing_is_forwarded_while_somebody_is_alone(held, threads):
    joined = JoiningEngine(held, most=8)
    with joined.alone():
        asked = ask(threads, joined, 1)
        held.goes_on.release()
        assert not held.has_begun.acquire(timeout=0.05)

    assert answer(asked) == [1]


def test_joined_pictures_get_what_they_get_one_by_one(give, tiny, tiny_ref, tmp_path, threads):
    give(tiny())
    engine = EagerEngine(load_backbone(tiny_ref, weights_cache=tmp_path))
    joined = JoiningEngine(engine, most=5)
    given = [np.random.default_rng(n).integers(0, 256, (1, 8, 8, 3), np.uint8) for n in range(40)]

    found = list(threads.map(joined.embed, given))

    assert joined.name == "eager"
    for vectors, one in zip(found, given, strict=True):
        np.testing.assert_allclose(vectors, engine.embed(one), atol=1e-6)
