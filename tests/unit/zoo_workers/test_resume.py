import os
from dataclasses import replace

import pytest

from tests.pictures import picture
from tests.workplace import Workplace
from zoo.catalog.records import JobRecord
from zoo.jobs import retries
from zoo.jobs.ledger import Claim, cancel, claim
from zoo_workers import resume

N = 40


@pytest.fixture
def job(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> JobRecord:
    """The retry of a job of forty files, none of them reached, taken over fifteen at a time."""
    monkeypatch.setattr(retries, "INPUTS_A_WRITE", 15)
    files = [(f"{n}.bmp", "cat", picture(n, kind="BMP")) for n in range(N)]
    return retry(place, place.submit(place.dataset(), place.deliver(files)))


def retry(place: Workplace, job: JobRecord) -> JobRecord:
    with place.context.catalog.write() as session:
        cancel(session, job.id)
    with place.context.catalog.write() as session:
        return retries.retry(session, job.id, place.context.settings)


def claim_resume(place: Workplace) -> Claim:
    while True:  # past the wake-ups of the job that was cancelled
        shard_id = place.next_shard().id
        claimed = claim(place.context.catalog, shard_id, worker_id="worker_1", pid=os.getpid())
        if claimed is not None and claimed.shard.kind == "resume":
            return claimed


def assert_taken_over(place: Workplace, job: JobRecord, n: int) -> None:
    given = place.inputs(job)
    assert [(one.position, one.name) for one in given] == [(i, f"{i}.bmp") for i in range(n)]


def test_what_is_left_of_much_is_taken_over_by_a_shard(place: Workplace, job: JobRecord) -> None:
    assert_taken_over(place, job, 15)
    claimed = claim_resume(place)

    resume.run(place.context, claimed)

    assert_taken_over(place, job, N)
    assert place.shard(claimed.shard.id).state == "done"


def test_an_attempt_goes_on_where_the_last_one_ended(
    place: Workplace, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    portions = []
    take_over = resume.take_over

    def fail_once(*given: object, **named: object) -> int | None:
        portions.append(given)
        if len(portions) == 2:
            raise RuntimeError("a bug")
        return take_over(*given, **named)

    monkeypatch.setattr(resume, "take_over", fail_once)
    claimed = claim_resume(place)
    with pytest.raises(RuntimeError, match="a bug"):
        resume.run(place.context, claimed)
    assert_taken_over(place, job, 30)

    resume.run(place.context, replace(claimed, shard=place.shard(claimed.shard.id)))

    assert_taken_over(place, job, N)


def test_a_retry_of_the_retry_does_all_of_it_once(place: Workplace, job: JobRecord) -> None:
    again = retry(place, job)
    place.work()
    ended = place.job(again)
    assert ended.result == {"embedded": 0, "reused": N, "failed": 0, "dataset_version": 1}
    assert sorted(one.name for one in place.inputs(again)) == sorted(f"{n}.bmp" for n in range(N))
