import numpy as np
import pytest
import torch

from zoo.inference.engines import AheadEngine
from zoo.inference.engines.batches import BatchEngine
from zoo.inference.engines.lanes import BatchShape

SHAPE = BatchShape(batch=4, input_size=(2, 3), dim=3)


class Sums:
    """The sum of each channel; remembers how many pictures each batch had."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, pixels):
        self.batches.append(len(pixels))
        return pixels.to(torch.float32).sum((1, 2))


def engine_of(forward, *, is_padded: bool = True) -> BatchEngine:
    return BatchEngine(
        forward, SHAPE, name="cpu eager", device=torch.device("cpu"), is_padded=is_padded
    )


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 2, 3, 3), np.uint8)


def sums(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32).sum((1, 2))


@pytest.mark.parametrize(
    ("n", "batches"), [(0, []), (1, [4]), (4, [4]), (5, [4, 4]), (11, [4, 4, 4])]
)
def test_batches_are_filled_up_and_what_was_added_is_cut_off(n, batches):
    forward = Sums()

    vectors = engine_of(forward).embed(pictures(n))

    assert (vectors.dtype, vectors.shape) == (np.float32, (n, 3))
    np.testing.assert_array_equal(vectors, sums(pictures(n)))
    assert forward.batches == batches


def test_what_is_not_compiled_is_not_filled_up():
    forward = Sums()

    engine_of(forward, is_padded=False).embed(pictures(6))

    assert forward.batches == [4, 2]


def test_what_fills_a_batch_up_is_black_whatever_was_there_before():
    seen = []

    def forward(pixels):
        seen.append(pixels.clone())
        return Sums()(pixels)

    engine_of(forward).embed(pictures(9))

    assert not seen[-1][1:].any()


def test_two_batches_are_on_their_way_at_once_and_a_third_spoils_neither():
    engine = engine_of(Sums())
    given = [pictures(n) for n in (2, 3, 4)]

    pending = [engine.begin(list(pixels)) for pixels in given]
    found = [flight() for flight in pending]

    for vectors, pixels in zip(found, given, strict=True):
        np.testing.assert_array_equal(vectors, sums(pixels))
    assert found[0] is pending[0]()


def test_it_counts_how_long_it_has_forwarded():
    engine = engine_of(Sums())

    flight = engine.begin(list(pictures(4)))
    assert engine.busy_s == 0.0
    flight()
    once = engine.busy_s
    flight()

    assert engine.busy_s == once > 0
    assert isinstance(engine, AheadEngine)


def test_a_forward_that_fails_costs_its_batch_alone():
    fails = [False, True, False]

    def forward(pixels):
        if fails.pop(0):
            raise RuntimeError("out of memory")
        return Sums()(pixels)

    engine = engine_of(forward)
    first = engine.begin(list(pictures(3)))
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        engine.begin(list(pictures(4)))

    np.testing.assert_array_equal(engine.embed(pictures(2)), sums(pictures(2)))
    np.testing.assert_array_equal(first(), sums(pictures(3)))


def test_more_than_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"^5 pictures; a batch has 4 at most$"):
        engine_of(Sums()).begin(list(pictures(5)))
