from dataclasses import replace
from typing import Any

from zoo.catalog import Catalog, inputs, jobs
from zoo.catalog.records import InputRecord, JobRecord

GIVEN = InputRecord(
    pk=0,
    position=0,
    name="a.png",
    item_id="item",
    label=None,
    split=None,
    metadata={"from": "camera"},
    sha256=None,
    state="queued",
    error_code=None,
    error_detail=None,
)


def add(catalog: Catalog, job_id: str, **changed: Any) -> JobRecord:
    values = {
        "type": "ingest", "spec": {}, "work": {}, "final_kind": "index", "phase": "receive",
    }  # fmt: skip
    with catalog.write() as session:
        return jobs.add_job(session, job_id, values={**values, **changed})


def listed(catalog: Catalog, **asked: Any) -> list[str]:
    wanted = {"before": "", "limit": 9, "job_type": None, "state": None, **asked}
    with catalog.read() as session:
        return [job.id for job in jobs.list_jobs(session, **wanted)]


def test_jobs_are_listed_newest_first_from_an_id_on(catalog: Catalog) -> None:
    for job_id in ("job_1", "job_3", "job_2"):
        add(catalog, job_id)
    assert listed(catalog) == ["job_3", "job_2", "job_1"]
    assert listed(catalog, before="job_3", limit=1) == ["job_2"]


def test_the_zoos_own_jobs_are_listed_only_if_asked_for(catalog: Catalog) -> None:
    add(catalog, "job_1")
    add(catalog, "job_2", type="describe", is_internal=True)
    assert listed(catalog) == ["job_1"]
    assert listed(catalog, job_type="describe") == ["job_2"]


def test_a_job_has_one_end(catalog: Catalog) -> None:
    add(catalog, "job_1")
    with catalog.write() as session:
        assert jobs.end_job(session, "job_1", state="succeeded")
        assert not jobs.end_job(session, "job_1", state="failed")
    assert listed(catalog, state="succeeded") == ["job_1"]


def test_events_come_in_order_after_an_id(catalog: Catalog) -> None:
    add(catalog, "job_1")
    add(catalog, "job_2")
    with catalog.write() as session:
        jobs.start_job(session, "job_1")
        jobs.cancel_job(session, "job_1")
        first, *_ = jobs.list_events(session, "job_1", after=0, limit=1)
        rest = jobs.list_events(session, "job_1", after=first.id, limit=9)
    assert first.payload == {"state": "queued"}
    assert [event.payload["state"] for event in rest] == ["running", "cancelling"]


def test_a_key_is_recalled_with_what_it_was_used_for(catalog: Catalog) -> None:
    add(catalog, "job_1")
    with catalog.write() as session:
        jobs.remember_key(session, "k", fingerprint="f", job_id="job_1")
    with catalog.read() as session:
        assert jobs.recall_key(session, "k") == ("f", "job_1")
        assert jobs.recall_key(session, "other") is None


def test_inputs_of_many_jobs_are_counted_at_once(catalog: Catalog) -> None:
    for job_id, states in {"a": "queued failed", "b": "reused", "c": ""}.items():
        add(catalog, job_id)
        given = [
            replace(GIVEN, position=position, state=state)
            for position, state in enumerate(states.split())
        ]
        with catalog.write() as session:
            inputs.add_inputs(session, job_id, given, shard_id=7)

    with catalog.read() as session:
        assert inputs.count_states_of(session, ["a", "b", "c"]) == {
            "a": {"queued": 1, "failed": 1},
            "b": {"reused": 1},
        }
        assert inputs.count_states(session, "c") == {}
        assert inputs.queued_backlog(session, seconds_per_item=0.5) == 0.5


def test_what_becomes_of_inputs_is_counted_once(catalog: Catalog) -> None:
    add(catalog, "a")
    given = [replace(GIVEN, position=position) for position in range(4)]
    with catalog.write() as session:
        inputs.add_inputs(session, "a", given, shard_id=7)
        pks = [one.pk for one in inputs.queued_inputs(session, 7)]
        for _ in range(2):  # who writes it again changes nothing
            inputs.set_state(session, "a", pks[:2], "embedded")
            inputs.set_failed(session, "a", pks[:3], code="empty_file", detail="empty")

    with catalog.read() as session:
        assert inputs.count_states(session, "a") == {"queued": 1, "embedded": 2, "failed": 1}


def test_inputs_keep_all_that_they_came_with(catalog: Catalog) -> None:
    add(catalog, "a")
    with catalog.write() as session:
        inputs.add_inputs(session, "a", [GIVEN], shard_id=7)
        assert inputs.next_position(session, "a") == 1
        [found] = inputs.queued_inputs(session, 7)
    assert replace(found, pk=0) == GIVEN
