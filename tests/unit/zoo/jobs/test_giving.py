"""What takes hours lets others have its process, and comes back to it."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from tests.turning import announced, done, end_pauses, take
from zoo.catalog import Catalog, shards
from zoo.catalog.records import JobRecord
from zoo.catalog.work_tables import Shard
from zoo.errors import ClaimLostError
from zoo.jobs import giving
from zoo.jobs.giving import give_way, is_in_the_way
from zoo.jobs.ledger import Claim, claim

Submit = Callable[[int], JobRecord]


@pytest.fixture
def long(catalog: Catalog, submit: Submit) -> Claim:
    """The claim of a job's only shard."""
    submit(1)
    return take(catalog, announced(catalog)[0])


def test_nobody_is_in_the_way_of_who_does_not_wait(catalog: Catalog, long: Claim) -> None:
    assert not is_in_the_way(catalog, long)


def test_who_has_just_come_may_find_a_process_that_is_free(
    catalog: Catalog, long: Claim, submit: Submit
) -> None:
    submit(1)
    announced(catalog)
    assert not is_in_the_way(catalog, long)


def test_who_waits_while_all_do_the_same_is_held_up(
    catalog: Catalog, long: Claim, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving, "WAITED_S", 0.0)
    submit(1)
    submit(1)
    assert not is_in_the_way(catalog, long)  # they are not even announced
    message, _ = announced(catalog)
    assert is_in_the_way(catalog, long)
    beside = take(catalog, message)
    assert is_in_the_way(catalog, long)
    with catalog.write() as session:
        session.execute(
            update(Shard).where(Shard.id == beside.shard.id).values(kind="another kind")
        )
    assert not is_in_the_way(catalog, long)


def test_other_shards_of_the_same_job_are_not_held_up(
    catalog: Catalog, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving, "WAITED_S", 0.0)
    submit(100)
    first, *_ = announced(catalog)
    assert not is_in_the_way(catalog, take(catalog, first))


def test_who_gives_way_has_a_turn_after_those_who_wait(
    catalog: Catalog, long: Claim, submit: Submit
) -> None:
    others = {submit(1).id, submit(1).id}
    messages = announced(catalog)
    give_way(catalog, long, pause_s=60)

    assert claim(catalog, 99, worker_id="w", pid=1) is None
    end_pauses(catalog)
    messages += announced(catalog)
    assert {take(catalog, message).job.id for message in messages[:2]} == others
    again = take(catalog, messages[2])
    assert again.shard.id == long.shard.id
    assert (again.shard.attempt, again.shard.waits, again.job.state) == (0, 0, "running")
    done(catalog, again)


def test_who_has_given_way_writes_no_more(catalog: Catalog, long: Claim) -> None:
    give_way(catalog, long, pause_s=0)
    with pytest.raises(ClaimLostError):
        give_way(catalog, long, pause_s=0)
    with catalog.read() as session:
        found = shards.get_shard(session, long.shard.id)
    assert found is not None
    assert (found.state, found.worker_id) == ("queued", None)
