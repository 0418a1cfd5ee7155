import errno
import os
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from tests.turning import end_pauses
from tests.workplace import Workplace
from zoo.catalog import Catalog
from zoo.catalog.records import JobRecord, ShardRecord
from zoo.catalog.shards import set_arguments
from zoo.catalog.wake_ups import take_due
from zoo.devices import GPU_LOST
from zoo.errors import InvalidError, NotFoundError, PluginError, UnavailableError
from zoo.jobs.ledger import Claim, cancel, give_back
from zoo_workers import check, shards
from zoo_workers.context import Context
from zoo_workers.shortage import fewer

Work = Callable[[Context, Claim], None]


@pytest.fixture
def job(place: Workplace) -> JobRecord:
    return place.submit(place.dataset(), place.deliver([("a.png", "cat", b"a")]))


def fails_with(error: Exception) -> Work:
    def work(_context: Context, _claim: Claim) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    "error",
    [
        PluginError("no weights", plugin="p"),
        PluginError("no weights at caf\udce9\0.bin", plugin="p"),
        InvalidError("bad"),
        NotFoundError("gone"),
    ],
)
def test_what_no_attempt_would_change_ends_the_job_at_once(
    error: InvalidError, place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", fails_with(error))

    shards.run(place.context, place.next_shard().id)

    ended = place.job(job)
    assert ended.state == "failed"
    assert (ended.error_code, ended.error_detail) == (error.code, error.detail)


def test_an_end_that_cannot_be_written_as_it_is_counts_an_attempt(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = InvalidError("")
    error.detail = "caf\udce9"  # half a surrogate pair, which no database takes
    monkeypatch.setattr(check, "run", fails_with(error))
    for _ in range(3):
        shards.run(place.context, place.next_shard().id)

    ended = place.job(job)
    assert (ended.state, ended.attempt, ended.error_code) == ("failed", 3, "internal_error")


def test_other_errors_count_an_attempt_and_the_last_one_names_the_cause(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", fails_with(RuntimeError("a bug")))
    states = []
    for _ in range(3):
        shards.run(place.context, place.next_shard().id)
        states.append(place.job(job).state)

    assert states == ["running", "running", "failed"]
    ended = place.job(job)
    assert ended.attempt == 3
    assert ended.error_code == "internal_error"
    assert ended.error_detail == (
        "something went wrong in a worker (RuntimeError); its log has the job's id "
        "(after 3 attempts); "
        f"once that is mended, POST /v1/jobs/{ended.id}/retry does what is left"
    )


def test_a_child_whose_gpu_failed_counts_an_attempt_and_ends(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    for error in (torch.OutOfMemoryError("no room"), torch.AcceleratorError("CUDA error")):
        monkeypatch.setattr(check, "run", fails_with(error))
        shards.run(place.context, place.next_shard().id)

    assert ends == [GPU_LOST]
    assert place.next_shard().attempt == 2
    assert place.job(job).state == "running"


def test_a_second_message_for_a_shard_changes_nothing(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = place.claim(worker_id="other")
    monkeypatch.setattr(check, "run", fails_with(AssertionError("not to be run")))

    shards.run(place.context, claimed.shard.id)

    assert place.shard(claimed.shard.id) == claimed.shard
    assert place.job(job).state == "running"


def test_a_claim_that_is_lost_meanwhile_counts_nothing(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(context: Context, claim: Claim) -> None:
        with context.catalog.write() as session:
            cancel(session, claim.job.id)
            give_back(session, [claim.shard])
        raise RuntimeError("too late to count")

    monkeypatch.setattr(check, "run", lose)
    shards.run(place.context, place.next_shard().id)

    assert place.job(job).state == "cancelled"


def test_the_end_is_written_when_the_database_answers_again(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_down = [True, True]
    write = Catalog.write

    def fail_first(catalog: Catalog) -> object:
        if is_down:
            is_down.pop()
            raise UnavailableError("the database does not answer: locked")
        return write(catalog)

    def go_down(_context: Context, _claim: Claim) -> None:
        monkeypatch.setattr(Catalog, "write", fail_first)
        raise InvalidError("bad")

    monkeypatch.setattr(check, "run", go_down)
    monkeypatch.setattr(shards, "PAUSE_S", 0.0)
    shards.run(place.context, place.next_shard().id)

    assert place.job(job).error_detail == "bad"


def attempt(context: Context, shard: ShardRecord) -> None:
    """What a message does to a shard whose pause has ended."""
    end_pauses(context.catalog)
    shards.run(context, shard.id)


def test_a_full_disk_is_waited_for_beyond_the_attempts(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", fails_with(OSError(errno.ENOSPC, "No space left on device")))
    shard = place.next_shard()

    for _ in range(5):
        attempt(place.context, shard)

    assert place.job(job).state == "running"
    with place.context.catalog.read() as session:
        assert len(take_due(session, 10)) < 5  # each time only after a longer pause


def test_an_outage_uses_up_no_attempt_and_halves_no_batch(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = place.next_shard()
    monkeypatch.setattr(check, "run", fails_with(UnavailableError("the store does not answer")))
    for _ in range(5):
        attempt(place.context, shard)
    waiting = place.shard(shard.id)
    assert (waiting.attempt, waiting.waits) == (0, 5)
    assert place.job(job).attempt == 1
    batches: list[int] = []

    def crash(_context: Context, claimed: Claim) -> None:
        batches.append(fewer(8, claimed))
        raise RuntimeError("a bug")

    monkeypatch.setattr(check, "run", crash)
    states = []
    for _ in range(3):
        attempt(place.context, shard)
        states.append(place.job(job).state)

    assert states == ["running", "running", "failed"]
    assert batches == [8, 4, 2]
    assert "the job's id (after 3 attempts); " in str(place.job(job).error_detail)


def test_a_failed_attempt_uses_up_no_wait_and_a_wait_keeps_the_attempts(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = place.next_shard()
    counted = []
    for error in (RuntimeError("a bug"), UnavailableError("down"), RuntimeError("a bug")):
        monkeypatch.setattr(check, "run", fails_with(error))
        attempt(place.context, shard)
        found = place.shard(shard.id)
        counted.append((found.attempt, found.waits))

    assert counted == [(1, 0), (1, 1), (2, 1)]
    assert place.job(job).state == "running"


def test_progress_during_an_outage_begins_the_wait_anew(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def advance(context: Context, claimed: Claim) -> None:
        with context.catalog.write() as session:
            set_arguments(session, claimed.shard.id, claimed.arguments)
        raise UnavailableError("the store does not answer")

    monkeypatch.setattr(check, "run", advance)
    hasty = replace(place.context, settings=replace(place.context.settings, unavailable_wait_s=0))
    shard = place.next_shard()
    for _ in range(5):
        attempt(hasty, shard)

    assert place.shard(shard.id).waits == 1
    assert place.job(job).state == "running"


def test_a_disk_that_stays_full_fails_the_job_by_name(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", fails_with(OSError(errno.ENOSPC, "No space left on device")))
    hasty = replace(place.context, settings=replace(place.context.settings, unavailable_wait_s=0))
    shard = place.next_shard()

    for _ in range(3):
        attempt(hasty, shard)

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "disk_full")
    assert ended.error_detail == (
        "cannot store what this job makes: No space left on device (after 2 waits, 3 s in all); "
        f"once that is mended, POST /v1/jobs/{ended.id}/retry does what is left"
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. can't allocate memory"),
        RuntimeError("[ONNXRuntimeError] : 6 : std::bad_alloc"),
    ],
)
def test_want_of_memory_is_named_after_the_last_attempt(
    error: Exception, place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", fails_with(error))
    for _ in range(3):
        shards.run(place.context, place.next_shard().id)

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "out_of_memory")
    assert ended.error_detail == (
        "the worker ran out of memory, with smaller batches too; give it more, or set "
        "ZOO_WORKER_PROCESSES or ZOO_FORWARD_BATCH lower (after 3 attempts); "
        f"once that is mended, POST /v1/jobs/{ended.id}/retry does what is left"
    )


@pytest.mark.usefixtures("job")
def test_each_attempt_forwards_half_as_many_at_a_time(place: Workplace) -> None:
    claim = place.claim()
    batches = [fewer(8, replace(claim, shard=replace(claim.shard, attempt=n))) for n in range(5)]
    assert batches == [8, 4, 2, 1, 1]
