from collections.abc import Callable

import pytest

from tests.turning import done, end_pauses, queued_shards, take
from zoo.catalog import Catalog, features, inputs, jobs, shards
from zoo.catalog.records import JobRecord
from zoo.errors import ClaimLostError, ConflictError, NotFoundError
from zoo.jobs.ledger import (
    cancel,
    claim,
    fail_attempt,
    fence,
    give_back,
    postpone,
    reason_of,
    require,
    succeed,
)
from zoo.jobs.patience import Patience

Submit = Callable[[int], JobRecord]


def state(catalog: Catalog, job_id: str) -> str:
    with catalog.read() as session:
        return require(session, job_id).state


def test_only_one_of_two_claims_gets_a_shard(catalog: Catalog, submit: Submit) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)

    first = claim(catalog, shard_id, worker_id="a", pid=1)
    second = claim(catalog, shard_id, worker_id="b", pid=2)

    assert first is not None
    assert second is None


def test_the_first_claim_starts_the_job(catalog: Catalog, submit: Submit) -> None:
    job = submit(1)
    take(catalog, queued_shards(catalog)[0])

    with catalog.read() as session:
        found = require(session, job.id)
    assert (found.state, found.phase, found.attempt) == ("running", "embed", 1)
    assert found.started_at is not None


def test_the_last_closed_shard_brings_the_final_one(catalog: Catalog, submit: Submit) -> None:
    job = submit(20)
    first, *others = queued_shards(catalog)
    done(catalog, take(catalog, first))
    with catalog.read() as session:
        assert not shards.has_kind(session, job.id, "index")

    for shard_id in others:
        done(catalog, take(catalog, shard_id))

    with catalog.read() as session:
        assert shards.has_kind(session, job.id, "index")
        assert shards.has_open(session, job.id)


def test_the_final_shard_ends_the_job_with_its_result(catalog: Catalog, submit: Submit) -> None:
    job = submit(1)
    done(catalog, take(catalog, queued_shards(catalog)[0]))
    final = take(catalog, queued_shards(catalog)[-1])

    with catalog.write() as session:
        fence(session, final)
        succeed(session, final, {"embedded": 1})

    with catalog.read() as session:
        found = require(session, job.id)
    assert (found.state, found.result) == ("succeeded", {"embedded": 1})


def test_a_zombie_changes_nothing_after_its_claim_was_given_away(
    catalog: Catalog, submit: Submit
) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)
    zombie = take(catalog, shard_id, "a")
    with catalog.write() as session:
        assert give_back(session, [zombie.shard]) == 1
    take(catalog, shard_id, "b")

    with pytest.raises(ClaimLostError), catalog.write() as session:
        fence(session, zombie)
    with pytest.raises(ClaimLostError):
        done(catalog, zombie)

    with catalog.read() as session:
        [given] = inputs.queued_inputs(session, shard_id)
    assert given.state == "queued"


def test_giving_back_counts_no_attempt(catalog: Catalog, submit: Submit) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)
    for _ in range(5):
        shard = take(catalog, shard_id).shard
        with catalog.write() as session:
            give_back(session, [shard])

    with catalog.read() as session:
        found = shards.get_shard(session, shard_id)
    assert found is not None
    assert (found.state, found.attempt) == ("queued", 0)


def test_giving_back_keeps_attempts_and_waits(catalog: Catalog, submit: Submit) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)
    fail_attempt(catalog, take(catalog, shard_id).shard, code="x", detail="x", attempts=3)
    patience = Patience(wait_s=60)
    for _ in range(2):
        shard = take(catalog, shard_id).shard
        postpone(catalog, shard, code="disk_full", detail="no room", patience=patience)
        end_pauses(catalog)
    again = take(catalog, shard_id).shard
    with catalog.write() as session:
        give_back(session, [again])

    with catalog.read() as session:
        found = shards.get_shard(session, shard_id)
    assert found is not None
    assert (found.state, found.attempt, found.waits) == ("queued", 1, 2)


def test_giving_back_keeps_what_progress_forgave_since_the_claims_were_read(
    catalog: Catalog, submit: Submit
) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)
    fail_attempt(catalog, take(catalog, shard_id).shard, code="x", detail="x", attempts=3)
    read_before = take(catalog, shard_id).shard
    with catalog.write() as session:
        shards.set_arguments(session, shard_id, {})

    with catalog.write() as session:
        assert give_back(session, [read_before]) == 1

    with catalog.read() as session:
        found = shards.get_shard(session, shard_id)
    assert found is not None
    assert (read_before.attempt, found.attempt) == (1, 0)


def test_a_zombie_postpones_nothing(catalog: Catalog, submit: Submit) -> None:
    job = submit(1)
    [shard_id] = queued_shards(catalog)
    zombie = take(catalog, shard_id, "a")
    with catalog.write() as session:
        give_back(session, [zombie.shard])
    held = take(catalog, shard_id, "b").shard

    for least in (0, 9):
        patience = Patience(wait_s=0, least=least)
        postpone(catalog, zombie.shard, code="x", detail="x", patience=patience)

    with catalog.read() as session:
        assert shards.get_shard(session, shard_id) == held
    assert state(catalog, job.id) == "running"


def test_after_three_failed_attempts_the_job_fails_with_the_cause(
    catalog: Catalog, submit: Submit
) -> None:
    job = submit(1)
    [shard_id] = queued_shards(catalog)
    for _ in range(3):
        assert state(catalog, job.id) in ("queued", "running")
        shard = take(catalog, shard_id).shard
        fail_attempt(catalog, shard, code="worker_died", detail="signal 9", attempts=3)

    with catalog.read() as session:
        found = require(session, job.id)
    assert (found.state, found.error_code) == ("failed", "worker_died")
    assert found.error_detail == (
        "signal 9 (after 3 attempts); "
        f"once that is mended, POST /v1/jobs/{found.id}/retry does what is left"
    )


def test_a_failed_attempt_gives_up_its_forwards(catalog: Catalog, submit: Submit) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)
    shard = take(catalog, shard_id).shard
    with catalog.write() as session:
        features.reserve_forwards(session, space_id="space", shard_id=shard_id, sha256s=["x"])

    fail_attempt(catalog, shard, code="internal_error", detail="boom", attempts=3)

    with catalog.write() as session:
        got = features.reserve_forwards(session, space_id="space", shard_id=99, sha256s=["x"])
    assert got == {"x"}


def test_a_content_is_reserved_for_one_shard_at_a_time(catalog: Catalog) -> None:
    with catalog.write() as session:
        first = features.reserve_forwards(session, space_id="s", shard_id=1, sha256s=["a", "b"])
        second = features.reserve_forwards(session, space_id="s", shard_id=2, sha256s=["b", "c"])
    assert (first, second) == ({"a", "b"}, {"c"})


def test_cancelling_a_queued_job_ends_it_at_once(catalog: Catalog, submit: Submit) -> None:
    job = submit(20)
    waiting = queued_shards(catalog)
    with catalog.write() as session:
        assert cancel(session, job.id).state == "cancelled"
    assert [claim(catalog, one, worker_id="w", pid=1) for one in waiting] == [None] * len(waiting)


def test_cancelling_a_running_job_waits_for_its_running_shards(
    catalog: Catalog, submit: Submit
) -> None:
    job = submit(20)
    running = take(catalog, queued_shards(catalog)[0])
    with catalog.write() as session:
        assert cancel(session, job.id).state == "cancelling"

    done(catalog, running)

    assert state(catalog, job.id) == "cancelled"


def test_an_ended_job_cannot_be_cancelled(catalog: Catalog, submit: Submit) -> None:
    job = submit(1)
    with catalog.write() as session:
        cancel(session, job.id)
    with pytest.raises(ConflictError) as raised, catalog.write() as session:
        cancel(session, job.id)
    assert raised.value.code == "job_ended"


def test_an_unknown_job_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="no job 'job_x'"), catalog.read() as session:
        require(session, "job_x")


def test_every_step_leaves_an_event(catalog: Catalog, submit: Submit) -> None:
    job = submit(1)
    done(catalog, take(catalog, queued_shards(catalog)[0]))

    with catalog.read() as session:
        found = jobs.list_events(session, job.id, after=0, limit=10)
    assert [(event.type, *event.payload.values()) for event in found] == [
        ("state", "queued"),
        ("state", "running"),
        ("phase", "embed"),
    ]


def test_of_an_unexpected_error_nothing_is_told_but_its_kind() -> None:
    assert reason_of(FileNotFoundError(2, "no such file", "/home/secret")) == (
        "internal_error",
        "something went wrong in a worker (FileNotFoundError); its log has the job's id",
    )


def test_a_zombies_failure_frees_nothing_of_the_next_holder(
    catalog: Catalog, submit: Submit
) -> None:
    submit(1)
    [shard_id] = queued_shards(catalog)
    zombie = take(catalog, shard_id, "a")
    with catalog.write() as session:
        give_back(session, [zombie.shard])
    heir = take(catalog, shard_id, "b")
    with catalog.write() as session:
        features.reserve_forwards(session, space_id="space", shard_id=shard_id, sha256s=["a"])

    fail_attempt(catalog, zombie.shard, code="x", detail="x", attempts=1)
    with catalog.write() as session:
        assert give_back(session, [zombie.shard]) == 0

    with catalog.write() as session:
        assert shards.get_shard(session, shard_id) == heir.shard
        other = features.reserve_forwards(session, space_id="space", shard_id=99, sha256s=["a"])
    assert not other
