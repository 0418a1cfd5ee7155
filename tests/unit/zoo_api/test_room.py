from dataclasses import replace

import pytest

from zoo.catalog import Catalog, inputs, jobs
from zoo.catalog.records import InputRecord
from zoo.errors import UnavailableError
from zoo.jobs.ledger import create_job
from zoo.settings import Settings
from zoo_api.room import Room


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def narrow(settings: Settings) -> Settings:
    """Four inputs of half a second each fill the queue of one core."""
    return replace(settings, queue_limit_s=2.0, seconds_per_item=0.5, worker_processes=1)


def queue(catalog: Catalog, n: int) -> str:
    """A job with so many inputs that wait."""
    given = [
        InputRecord(
            pk=0,
            position=position,
            name="a",
            item_id="a",
            label=None,
            split=None,
            metadata={},
            sha256=None,
            state="queued",
            error_code=None,
            error_detail=None,
        )
        for position in range(n)
    ]
    with catalog.write() as session:
        job = create_job(session, "ingest", {}, work={}, target="collection")
        inputs.add_inputs(session, job.id, given, shard_id=None)
    return job.id


def check(room: Room, catalog: Catalog, settings: Settings) -> None:
    with catalog.read() as session:
        room.check(session, settings)


def test_a_queue_beyond_its_limit_has_no_room_until_it_is_shorter(
    catalog: Catalog, narrow: Settings, clock: Clock
) -> None:
    room = Room(fresh_s=10, clock=clock)
    job_id = queue(catalog, 7)

    with pytest.raises(UnavailableError) as refused:
        check(room, catalog, narrow)
    assert refused.value.code == "queue_full"
    assert refused.value.retry_after_s == 2
    assert refused.value.detail == (
        "about 4 s of work are queued, the limit is 2 s; try again later"
    )

    with catalog.write() as session:
        jobs.end_job(session, job_id, state="cancelled")
    check(room, catalog, narrow)


def test_while_there_is_plenty_of_room_it_is_not_counted_for_each_request(
    catalog: Catalog, narrow: Settings, clock: Clock
) -> None:
    room = Room(fresh_s=10, clock=clock)
    check(room, catalog, narrow)
    queue(catalog, 7)

    check(room, catalog, narrow)
    clock.now = 10
    with pytest.raises(UnavailableError):
        check(room, catalog, narrow)


def test_near_the_limit_every_request_is_counted(
    catalog: Catalog, narrow: Settings, clock: Clock
) -> None:
    room = Room(fresh_s=10, clock=clock)
    queue(catalog, 2)
    check(room, catalog, narrow)
    queue(catalog, 3)

    with pytest.raises(UnavailableError):
        check(room, catalog, narrow)
