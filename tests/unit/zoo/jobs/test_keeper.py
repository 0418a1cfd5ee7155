from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from zoo.catalog import Catalog, shards, wake_ups, workers
from zoo.catalog.records import JobRecord, WorkerRecord
from zoo.catalog.work_tables import Outbox, Shard
from zoo.errors import UnavailableError
from zoo.jobs.keeper import LEASE, Keeper
from zoo.jobs.ledger import claim
from zoo.jobs.presence import this_process
from zoo.settings import Settings

Submit = Callable[[int], JobRecord]


class Clock:
    def __init__(self) -> None:
        self.instant = 0.0

    def __call__(self) -> float:
        return self.instant


class Bell:
    def __init__(self) -> None:
        self.rung: list[int] = []
        self.is_down = False

    def __call__(self, shard_id: int, _queue: str) -> None:
        if self.is_down:
            raise UnavailableError("the broker does not answer", code="broker_unavailable")
        self.rung.append(shard_id)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keeper(catalog: Catalog, settings: Settings, bell: Bell, clock: Clock) -> Keeper:
    return Keeper(catalog, settings, ring=bell, clock=clock)


def worker(name: str) -> WorkerRecord:
    return WorkerRecord(id=name, node="elsewhere", pid=1, pid_started="1", queue="cpu", beat=0)


def test_each_wake_up_is_rung_once(submit: Submit, keeper: Keeper, bell: Bell) -> None:
    submit(1)
    assert (keeper.relay(), keeper.relay()) == (1, 0)
    assert len(bell.rung) == 1


def test_what_the_broker_does_not_take_is_rung_when_it_is_back(
    submit: Submit, keeper: Keeper, bell: Bell
) -> None:
    submit(1)
    bell.is_down = True
    assert keeper.relay() == 0

    bell.is_down = False

    assert keeper.relay() == 1


def test_nobody_is_lost_for_a_time_in_which_nobody_watched(
    catalog: Catalog, keeper: Keeper, clock: Clock
) -> None:
    with catalog.write() as session:
        workers.add_worker(session, worker("w"))
    keeper.reconcile()
    clock.instant = 60.0

    keeper.look_away()
    keeper.reconcile()

    with catalog.read() as session:
        assert [one.id for one in workers.list_workers(session)] == ["w"]
    for clock.instant in (65.0, 70.0):
        keeper.reconcile()
    with catalog.read() as session:
        assert workers.list_workers(session) == []


def test_nobody_is_lost_for_what_held_the_keeper_up_too(
    catalog: Catalog, keeper: Keeper, clock: Clock
) -> None:
    with catalog.write() as session:
        workers.add_worker(session, worker("w"))
    for clock.instant in (0.0, 10.0, 16.0, 22.0):  # as behind a writer that takes its time
        keeper.reconcile()
    with catalog.read() as session:
        assert [one.id for one in workers.list_workers(session)] == ["w"]


def test_a_lost_message_is_rung_again(
    catalog: Catalog, submit: Submit, settings: Settings, bell: Bell
) -> None:
    keeper = Keeper(catalog, replace(settings, wake_again_s=0.0), ring=bell)
    submit(1)
    keeper.relay()

    keeper.reconcile()
    keeper.relay()

    assert len(bell.rung) == 2


def test_a_clock_that_is_set_back_a_day_holds_nothing_up(
    submit: Submit, catalog: Catalog, settings: Settings, bell: Bell
) -> None:
    submit(1)
    in_a_day = datetime.now(UTC) + timedelta(days=1)
    with catalog.write() as session:
        session.execute(update(Outbox).values(due_at=in_a_day))
    keeper = Keeper(catalog, settings, ring=bell)
    assert keeper.relay() == 1
    with catalog.write() as session:
        session.execute(update(Shard).values(announced_at=in_a_day))
    keeper.reconcile()
    assert keeper.relay() == 1
    assert bell.rung[0] == bell.rung[1]


def test_what_waits_behind_others_is_not_rung_again(
    catalog: Catalog, submit: Submit, settings: Settings, bell: Bell
) -> None:
    keeper = Keeper(
        catalog, replace(settings, wake_again_s=0.0), ring=bell, waiting=lambda _queue: 1
    )
    submit(1)
    keeper.relay()

    keeper.reconcile()
    keeper.relay()

    assert len(bell.rung) == 1


def test_claims_of_a_worker_whose_beat_stands_still_are_given_back(
    catalog: Catalog, submit: Submit, keeper: Keeper, clock: Clock
) -> None:
    submit(1)
    with catalog.write() as session:
        workers.add_worker(session, worker("w"))
        [(_, shard_id, _)] = wake_ups.take_due(session, 9)
    claim(catalog, shard_id, worker_id="w", pid=1)

    for clock.instant in (0.0, 4.0, 8.0):
        keeper.reconcile()
    assert _state(catalog, shard_id) == "running"
    clock.instant = 9.0
    keeper.reconcile()

    assert _state(catalog, shard_id) == "queued"
    with catalog.read() as session:
        assert workers.list_workers(session) == []


def test_nobody_is_lost_while_the_broker_is_away_and_workers_look_for_it(
    submit: Submit, catalog: Catalog, settings: Settings, bell: Bell, clock: Clock
) -> None:
    def ask(_queue: str) -> int:
        bell("", "")  # type: ignore[arg-type]  # raises while the broker is down
        return 0

    keeper = Keeper(catalog, settings, ring=bell, waiting=ask, clock=clock)
    submit(1)
    keeper.relay()
    with catalog.write() as session:
        workers.add_worker(session, worker("w"))
    assert claim(catalog, bell.rung[0], worker_id="w", pid=1)
    keeper.reconcile()
    bell.is_down = True
    for clock.instant in (5.0, 10.0, 15.0, 20.0):
        keeper.reconcile()
    assert keeper.relay() == 0
    bell.is_down = False
    for clock.instant in (24.0, 29.0, 34.0):
        keeper.reconcile()
    assert keeper.relay() == 1  # its counter still stands, and that is its own fault now


def test_a_beating_worker_keeps_its_claims(
    catalog: Catalog, submit: Submit, keeper: Keeper, clock: Clock
) -> None:
    submit(1)
    with catalog.write() as session:
        workers.add_worker(session, worker("w"))
        [(_, shard_id, _)] = wake_ups.take_due(session, 9)
    claim(catalog, shard_id, worker_id="w", pid=1)

    for instant in range(0, 60, 3):
        clock.instant = float(instant)
        with catalog.write() as session:
            workers.beat(session, "w")
        keeper.reconcile()

    assert _state(catalog, shard_id) == "running"


def test_claims_of_nobody_are_given_back_at_once(
    catalog: Catalog, submit: Submit, keeper: Keeper
) -> None:
    submit(1)
    with catalog.read() as session:
        [(_, shard_id, _)] = wake_ups.take_due(session, 9)
    claim(catalog, shard_id, worker_id="never registered", pid=1)

    keeper.reconcile()

    assert _state(catalog, shard_id) == "queued"


def test_a_second_keeper_waits_while_the_first_leads(
    catalog: Catalog, settings: Settings, bell: Bell, clock: Clock
) -> None:
    with catalog.write() as session:
        workers.take_lease(session, LEASE, holder="elsewhere/1/1.0", seen=None)
    keeper = Keeper(catalog, settings, ring=bell, clock=clock)

    assert not keeper.lead()
    clock.instant = 8.9
    assert not keeper.lead()
    clock.instant = 9.0
    assert keeper.lead()


def test_a_keeper_leads_no_more_once_another_has_taken_the_lease(
    catalog: Catalog, keeper: Keeper
) -> None:
    assert keeper.lead()
    assert keeper.lead()
    with catalog.write() as session:
        mine = workers.read_lease(session, LEASE)
        workers.take_lease(session, LEASE, holder="elsewhere/1/1.0", seen=mine)

    assert not keeper.lead()


def test_a_keeper_takes_over_at_once_from_a_dead_one_of_its_own_host(
    catalog: Catalog, keeper: Keeper
) -> None:
    here = this_process()
    gone = replace(here, started=f"{here.started}0")
    with catalog.write() as session:
        workers.take_lease(session, LEASE, holder=str(gone), seen=None)
    assert keeper.lead()


def _state(catalog: Catalog, shard_id: int) -> str:
    with catalog.read() as session:
        found = shards.get_shard(session, shard_id)
    assert found is not None
    return found.state
