"""What an api says of parts that come, go and hang."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import cast

import pytest

from tests.serving import FakePredictor
from tests.stock import Stock
from zoo.catalog import workers
from zoo.catalog.records import WorkerRecord
from zoo.jobs.keeper import LEASE
from zoo.predictor import Predictor
from zoo.search.collection import Searches
from zoo.settings import Settings
from zoo_api import readiness
from zoo_api.readiness import PATIENCE_S, Readiness
from zoo_api.services import Services

WORKER = WorkerRecord(id="w", node="here", pid=1, pid_started="1", queue="cpu", beat=0)


class Clock:
    instant = 0.0

    def __call__(self) -> float:
        return self.instant


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(settings: Settings, stock: Stock, predictor: FakePredictor) -> Services:
    return Services(
        settings=settings,
        catalog=stock.catalog,
        blobs=stock.blobs,
        predictor=cast("Predictor", predictor),
        searches=Searches(stock.catalog, stock.blobs),
        after_commit=lambda: None,
    )


@pytest.fixture
def seen(parts: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Readiness:
    monkeypatch.setattr(readiness, "ANSWER_S", 0.5)
    return Readiness(parts, clock=clock)


@pytest.fixture
def hanging(parts: Services) -> Iterator[Services]:
    """A predictor that takes a question and never answers."""
    released = threading.Event()

    class Hanging(FakePredictor):
        def is_alive(self) -> bool:
            return released.wait(60)

    yield replace(parts, predictor=cast("Predictor", Hanging(heads=[])))
    released.set()


def test_what_never_came_is_down_after_a_minute(seen: Readiness, clock: Clock) -> None:
    assert seen.look()["worker"] == "starting"
    clock.instant = PATIENCE_S
    assert seen.look() == {
        "broker": "the broker does not answer",
        "keeper": "no keeper has moved its counter for 9 s",
        "worker": "no worker has moved its counter for 9 s",
        "predictor": "ready",
        "disk": "ready",
    }


def test_a_worker_is_up_while_its_counter_moves(
    seen: Readiness, clock: Clock, stock: Stock
) -> None:
    with stock.catalog.write() as session:
        workers.add_worker(session, WORKER)
        workers.take_lease(session, LEASE, holder="k", seen=None)
    assert (seen.look()["worker"], seen.look()["keeper"]) == ("ready", "ready")
    clock.instant = 9
    with stock.catalog.write() as session:
        workers.beat(session, "w")
    assert (seen.look()["worker"], seen.look()["keeper"]) == (
        "ready",
        "no keeper has moved its counter for 9 s",
    )
    clock.instant = 18
    assert seen.look()["worker"] == "no worker has moved its counter for 9 s"


def test_a_part_that_was_up_is_not_starting_any_more(
    seen: Readiness, predictor: FakePredictor
) -> None:
    assert seen.look()["predictor"] == "ready"
    predictor.is_down = True
    assert seen.look()["predictor"] == "the predictor does not answer"


def test_a_part_that_hangs_is_waited_for_once(
    hanging: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "ANSWER_S", 0.2)
    seen = Readiness(hanging, clock=clock)
    clock.instant = PATIENCE_S
    before = threading.active_count()
    for _ in range(3):
        assert seen.look()["predictor"] == "the predictor does not answer"
    assert threading.active_count() <= before + 1


def test_who_asks_while_a_part_is_being_asked_has_its_answer(
    parts: Services, clock: Clock
) -> None:
    both_have_come = threading.Event()

    class Slow(FakePredictor):
        def is_alive(self) -> bool:
            return both_have_come.wait(60)

    seen = Readiness(replace(parts, predictor=cast("Predictor", Slow(heads=[]))), clock=clock)
    clock.instant = PATIENCE_S
    with ThreadPoolExecutor() as callers:
        said = [callers.submit(seen.look) for _ in range(2)]
        threading.Timer(0.2, both_have_come.set).start()
        assert [one.result()["predictor"] for one in said] == ["ready", "ready"]


def test_a_disk_that_is_full_says_how_much_is_left(
    seen: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "MIN_FREE_BYTES", 1 << 62)
    assert seen.look()["disk"].startswith("the disk has ")
    assert "MB left; the service needs at least" in seen.look()["disk"]
