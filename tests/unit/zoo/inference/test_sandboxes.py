import threading

import pytest

from zoo.errors import ImageError
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.settings import Settings
from zoo.testing.pictures import picture
from zoo.testing.tiny import PREPROCESSING


@pytest.fixture
def pool(tmp_path):
    made = SandboxPool(decode_limits(Settings(home=tmp_path)), size=2)
    yield made
    made.close()


def running(pool: SandboxPool) -> int:
    return sum(sandbox.pid is not None for sandbox in pool._all)


def test_sandboxes_start_with_their_first_picture_or_when_they_are_told_to(pool):
    assert (pool.lanes, running(pool)) == (2, 0)

    pool.measure(picture(1))
    assert running(pool) == 1

    pool.start()
    assert running(pool) == 2


def test_as_many_threads_decode_at_once_as_there_are_sandboxes(pool):
    found = []

    def decode(seed: int) -> None:
        found.append(pool.decode(picture(seed), PREPROCESSING).pixels.shape)

    threads = [threading.Thread(target=decode, args=(seed,)) for seed in range(6)]
    with pool.borrow(), pool.borrow():
        for thread in threads:
            thread.start()
        assert found == []
    for thread in threads:
        thread.join()

    assert found == [(32, 32, 3)] * 6


def test_a_refused_picture_gives_its_sandbox_back(pool):
    for _ in range(3):
        with pytest.raises(ImageError, match="empty"):
            pool.decode(b"", PREPROCESSING)

    assert pool.measure(picture(2))


def test_the_time_of_all_sandboxes_counts(pool):
    pool.start()
    while pool.cpu_s() < 0.05:
        pool.measure(picture(3))
