import os
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.workplace import Workplace
from zoo.catalog import shards, workers
from zoo.catalog.records import JobRecord, WorkerRecord
from zoo.catalog.work_tables import Shard
from zoo.errors import UnavailableError
from zoo.jobs.presence import this_process
from zoo_workers.presence import WorkerPresence


@pytest.fixture
def job(place: Workplace) -> JobRecord:
    return place.submit(place.dataset(), place.deliver([("a.png", "cat", b"a")]))


@pytest.fixture
def presence(place: Workplace) -> WorkerPresence:
    return WorkerPresence(place.context.catalog, worker_id="worker_1", queue="cpu", attempts=2)


@pytest.fixture
def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def known(place: Workplace) -> list[str]:
    with place.context.catalog.read() as session:
        return [worker.id for worker in workers.list_workers(session)]


def register(place: Workplace, name: str, *, node: str, started: str) -> None:
    here = this_process()
    row = WorkerRecord(id=name, node=node, pid=here.pid, pid_started=started, queue="cpu", beat=0)
    with place.context.catalog.write() as session:
        workers.add_worker(session, row)


@pytest.mark.usefixtures("job")
def test_who_arrives_frees_what_the_dead_of_its_node_held(
    place: Workplace, presence: WorkerPresence
) -> None:
    here = this_process()
    register(place, "dead", node=here.node, started=f"{here.started}0")
    claimed = place.claim(worker_id="dead")

    presence.arrive()

    freed = place.shard(claimed.shard.id)
    assert (freed.state, freed.attempt) == ("queued", 0)
    assert known(place) == ["worker_1"]


@pytest.mark.usefixtures("job")
def test_who_arrives_leaves_the_living_and_other_nodes_alone(
    place: Workplace, presence: WorkerPresence
) -> None:
    here = this_process()
    register(place, "alive", node=here.node, started=here.started)
    register(place, "elsewhere", node="elsewhere", started="0.00")
    claimed = place.claim(worker_id="elsewhere")

    presence.arrive()

    assert place.shard(claimed.shard.id) == claimed.shard
    assert set(known(place)) == {"alive", "elsewhere", "worker_1"}


def test_a_dead_child_costs_an_attempt_and_the_last_one_its_job(
    place: Workplace, presence: WorkerPresence, job: JobRecord, dead_pid: int
) -> None:
    first = place.claim(pid=dead_pid)
    presence.bury(cause="signal 9 (SIGKILL)")
    assert (place.shard(first.shard.id).state, place.shard(first.shard.id).attempt) == (
        "queued",
        1,
    )

    place.claim(pid=dead_pid)
    presence.bury(cause="signal 9 (SIGKILL)")

    ended = place.job(job)
    assert ended.error_code == "worker_died"
    assert ended.error_detail == (
        "the worker process died: signal 9 (SIGKILL) (after 2 attempts); "
        f"once that is mended, POST /v1/jobs/{ended.id}/retry does what is left"
    )


@pytest.mark.usefixtures("job")
def test_only_dead_children_of_its_own_are_buried(
    place: Workplace, presence: WorkerPresence, dead_pid: int
) -> None:
    claimed = place.claim(worker_id="other", pid=dead_pid)
    presence.bury(cause="x")
    assert place.shard(claimed.shard.id) == claimed.shard
    presence.bury(cause="x")


@pytest.mark.usefixtures("job")
def test_a_living_child_is_not_buried(place: Workplace, presence: WorkerPresence) -> None:
    claimed = place.claim(pid=os.getpid())
    presence.bury(cause="x")
    assert place.shard(claimed.shard.id) == claimed.shard


def test_a_worker_that_was_given_up_comes_back_with_its_next_beat(
    place: Workplace, presence: WorkerPresence
) -> None:
    presence.arrive()
    presence.beat()
    with place.context.catalog.write() as session:
        assert workers.list_workers(session)[0].beat == 1
        workers.remove_worker(session, "worker_1")
    presence.beat()
    assert known(place) == ["worker_1"]


@pytest.mark.usefixtures("job")
def test_who_leaves_gives_back_what_it_held(place: Workplace, presence: WorkerPresence) -> None:
    presence.arrive()
    claimed = place.claim()
    presence.leave()
    freed = place.shard(claimed.shard.id)
    assert freed == replace(
        claimed.shard, state="queued", worker_id=None, pid=None, announced_at=None
    )
    assert known(place) == []


def test_a_child_that_died_while_the_database_was_away_is_buried_with_a_later_beat(
    place: Workplace, presence: WorkerPresence, monkeypatch: pytest.MonkeyPatch, dead_pid: int
) -> None:
    place.submit(place.dataset(), place.deliver([("a.png", "cat", b"a")]))
    presence.arrive()
    claimed = place.claim(worker_id="worker_1")
    with place.context.catalog.write() as session:
        session.execute(update(Shard).values(pid=dead_pid))

    def be_away() -> None:
        raise UnavailableError("the database does not answer", code="database_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(place.context.catalog, "read", be_away)
        presence.bury(cause="signal SIGKILL")
    presence.beat()

    with place.context.catalog.read() as session:
        found = shards.get_shard(session, claimed.shard.id)
    assert found is not None
    assert (found.state, found.attempt) == ("queued", 1)


@pytest.mark.usefixtures("job")
def test_a_child_whose_death_nobody_told_of_is_buried_with_the_second_beat(
    place: Workplace, presence: WorkerPresence, dead_pid: int
) -> None:
    presence.arrive()
    claimed = place.claim(pid=dead_pid)

    presence.beat()
    assert place.shard(claimed.shard.id) == claimed.shard
    presence.beat()

    freed = place.shard(claimed.shard.id)
    assert (freed.state, freed.attempt) == ("queued", 1)
