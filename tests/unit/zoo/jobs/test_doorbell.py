import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zoo.errors import UnavailableError
from zoo.jobs.doorbell import Doorbell, make_celery
from zoo.settings import Settings, load_settings
from zoo.supervisor import broker


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "run" / "broker").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    return load_settings({}, home=tmp_path)


@pytest.fixture
def bell(settings: Settings) -> Iterator[Doorbell]:
    celery = make_celery(settings)
    yield Doorbell(celery)
    celery.close()


def test_rung_wake_ups_wait_in_their_queue(settings: Settings, bell: Doorbell) -> None:
    with _serving(settings):
        assert bell.waiting("cpu") == 0
        for shard_id in (1, 2):
            bell.ring(shard_id, "cpu")
        assert (bell.waiting("cpu"), bell.waiting("gpu")) == (2, 0)


def test_a_broker_that_comes_back_is_asked_again(settings: Settings, bell: Doorbell) -> None:
    with _serving(settings):
        assert bell.waiting("cpu") == 0
    with pytest.raises(UnavailableError):
        bell.waiting("cpu")

    with _serving(settings):
        assert bell.waiting("cpu") == 0


def test_a_broker_that_is_down_is_unavailable(bell: Doorbell) -> None:
    for attempt in (lambda: bell.ring(1, "cpu"), lambda: bell.waiting("cpu")):
        with pytest.raises(UnavailableError) as caught:
            attempt()
        assert caught.value.code == "broker_unavailable"
        assert caught.value.detail.startswith("the broker does not answer: Error 2 connecting to")


@contextmanager
def _serving(settings: Settings) -> Iterator[None]:
    server = subprocess.Popen(broker.broker_command(settings))
    try:
        _await_answer(settings.runtime_dir / broker.SOCKET)
        yield
    finally:
        server.terminate()
        server.wait()


def _await_answer(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not broker.is_answering(path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
