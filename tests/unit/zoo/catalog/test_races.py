"""Many writers at the same moment; on SQLite they queue up, on PostgreSQL they really meet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.databases import TWINS
from tests.rivals import N_RIVALS, SPACE, at_once, content
from tests.turning import done, queued_shards, take
from zoo.catalog import Catalog, contents, features, inputs, jobs, shards, wake_ups
from zoo.errors import ClaimLostError
from zoo.jobs.intake import Arrival, Delivery, add_delivery, submit_ingest
from zoo.jobs.ledger import (
    cancel,
    claim,
    create_job,
    fail_attempt,
    fence,
    finish,
    give_back,
)
from zoo.jobs.specs import IngestSpec
from zoo.names import new_id
from zoo.settings import Settings

N = N_RIVALS


def submit(catalog: Catalog, collection_id: int, n: int, settings: Settings) -> str:
    work = {"collection_id": collection_id, "model": "lite.a", "space_id": SPACE, "dim": 2}
    settings = replace(settings, shard_items=8)
    delivery = delivered(n)
    with catalog.write() as session:
        return submit_ingest(
            session, IngestSpec(collection="c"), delivery, work=work, settings=settings
        ).id


def delivered(n: int) -> Delivery:
    pack = new_id("packs/")
    contents = [content(i, pack) for i in range(n)]
    arrivals = [Arrival(name=f"{i}.jpg", sha256=one.sha256) for i, one in enumerate(contents)]
    return Delivery(arrivals=arrivals, packs={pack: n}, contents=contents)


def test_a_shard_is_claimed_by_one(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    submit(rivals[0], collection_id, 1, settings)
    [shard_id] = queued_shards(rivals[0])

    claims = at_once(rivals, lambda c, n: claim(c, shard_id, worker_id=f"w{n}", pid=n))

    [winner] = [one for one in claims if one]
    assert winner.shard.token == 1
    with rivals[0].read() as session:
        found = shards.get_shard(session, shard_id)
    assert found is not None
    assert found.worker_id == winner.shard.worker_id


def test_all_shards_of_a_job_are_claimed_and_end_at_once_with_one_final_shard(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    for _ in range(5):
        job_id = submit(rivals[0], collection_id, 8 * N, settings)
        waiting = queued_shards(rivals[0])[-N:]
        claims = at_once(rivals, lambda c, n, w=waiting: take(c, w[n]))

        at_once(rivals, lambda c, n, held=claims: done(c, held[n]))

        with rivals[0].read() as session:
            assert shards.arguments_of(session, job_id, "index") == [{}]
            told = [one.type for one in jobs.list_events(session, job_id, after=0, limit=100)]
        assert told == ["state", "state", "phase"]


def test_a_job_cancelled_while_its_shards_are_claimed_and_end_is_cancelled(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    for _ in range(5):
        job_id = submit(rivals[0], collection_id, 8 * N, settings)
        waiting = queued_shards(rivals[0])[-N:]

        def act(catalog: Catalog, number: int, job_id: str = job_id, waiting=waiting) -> None:
            if number == 0:
                catalog.transact(lambda session: cancel(session, job_id))
                return
            claimed = claim(catalog, waiting[number], worker_id="w", pid=1)
            if claimed:
                done(catalog, claimed)

        at_once(rivals, act)

        with rivals[0].read() as session:
            job = jobs.get_job(session, job_id)
            assert not shards.has_open(session, job_id)
        assert job is not None
        assert job.state == "cancelled"


def test_claims_given_back_failed_and_finished_at_once_leave_each_shard_one_fate(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    submit(rivals[0], collection_id, 8 * N, settings)
    submit(rivals[0], collection_id, 8 * N, settings)
    claims = [take(rivals[0], shard_id) for shard_id in queued_shards(rivals[0])]

    def act(catalog: Catalog, number: int) -> None:
        if number < 2:
            order = claims if number else claims[::-1]
            catalog.transact(lambda s: give_back(s, [one.shard for one in order]))
        elif number < 4:
            for one in claims:
                fail_attempt(catalog, one.shard, code="x", detail="x", attempts=3)
        else:
            for one in claims[number % 2 :: 2]:
                try:
                    done(catalog, one)
                except ClaimLostError:
                    continue

    at_once(rivals, act)

    with rivals[0].read() as session:
        found = [shards.get_shard(session, one.shard.id) for one in claims]
    assert {one.state for one in found if one} <= {"queued", "done"}
    assert all(one.attempt <= 1 for one in found if one)


def test_a_content_is_reserved_by_one_shard_whatever_order_they_come_in(
    rivals: Sequence[Catalog],
) -> None:
    sha256s = [f"{number:064x}" for number in range(700)]

    def reserve(catalog: Catalog, number: int) -> frozenset[str]:
        wanted = sha256s if number % 2 else sha256s[::-1]
        with catalog.write() as session:
            return features.reserve_forwards(
                session, space_id=SPACE, shard_id=number, sha256s=wanted
            )

    reserved = at_once(rivals, reserve)

    assert Counter(one for some in reserved for one in some) == Counter(sha256s)


def test_the_same_contents_arriving_at_once_are_stored_once(rivals: Sequence[Catalog]) -> None:
    def add(catalog: Catalog, number: int) -> None:
        with catalog.write() as session:
            pack_ids = contents.add_packs(session, {f"packs/{number}": 1})
            order = range(600) if number % 2 else range(599, -1, -1)
            there = [content(i, f"packs/{number}") for i in order]
            contents.add_contents(session, there, pack_ids=pack_ids)
            contents.set_sizes(session, {one.sha256: (number, number) for one in there[:50]})

    at_once(rivals, add)

    with rivals[0].read() as session:
        found = contents.iter_contents(session, after="", limit=1000)
    assert [one.sha256 for one in found] == [content(number).sha256 for number in range(600)]


def test_members_added_to_a_job_at_once_have_positions_of_their_own(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    work = {"collection_id": collection_id, "model": "lite.a", "space_id": SPACE, "dim": 2}
    with rivals[0].write() as session:
        job = create_job(session, "ingest", {"collection": "c"}, work=work, target="collection")
        for _ in rivals:
            shards.add_shard(session, job.id, "expand", arguments={})
    claims = [take(rivals[0], shard_id) for shard_id in queued_shards(rivals[0])]

    def expand(catalog: Catalog, number: int) -> None:
        with catalog.write() as session:
            fence(session, claims[number])
            add_delivery(session, job, delivered(20), settings=settings)
            finish(session, claims[number])

    at_once(rivals, expand)

    with rivals[0].read() as session:
        rows = inputs.list_inputs(session, job.id, after=-1, limit=1000, state=None)
    assert [row.position for row in rows] == list(range(20 * N))


def test_a_shard_that_is_held_keeps_its_wake_up_and_nobody_waits(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    submit(rivals[0], collection_id, 16, settings)
    with rivals[0].read() as session:
        waiting = wake_ups.take_due(session, 10)
    is_sqlite = rivals[0].engine.dialect.name == "sqlite"
    if is_sqlite:
        with rivals[0].write() as session:
            wake_ups.clear(session, waiting)
        assert queued_shards(rivals[0]) == []
        return

    with rivals[1].write() as holder:
        assert shards.claim_shard(holder, waiting[0][1], worker_id="w", pid=1)
        with rivals[0].write() as session:
            wake_ups.clear(session, waiting)

    assert queued_shards(rivals[0]) == [waiting[0][1]]


@pytest.mark.parametrize("database_url", TWINS[1:], indirect=True)
def test_a_worker_that_is_stopped_in_a_transaction_holds_up_its_own_job_alone(
    rivals: Sequence[Catalog], collection_id: int, settings: Settings
) -> None:
    held, other = (submit(rivals[0], collection_id, 16, settings) for _ in range(2))
    with rivals[0].write() as session:
        waiting = wake_ups.take_due(session, 10)
        wake_ups.clear(session, waiting)
    messages = [shard_id for _, shard_id, _ in waiting]

    with rivals[1].write() as stopped:
        jobs.lock_job(stopped, held)
        meanwhile = [take(rivals[0], message).job.id for message in messages[:2]]
    later = [take(rivals[0], message).job.id for message in messages[2:]]

    assert (meanwhile, later) == ([other] * 2, [held] * 2)
