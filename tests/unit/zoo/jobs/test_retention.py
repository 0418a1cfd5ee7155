from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.serving import register_pets
from zoo.catalog import Catalog, inputs, jobs
from zoo.catalog.records import JobRecord
from zoo.jobs.ledger import cancel, create_job
from zoo.jobs.retention import Retention
from zoo.settings import Settings

Submit = Callable[[int], JobRecord]
DAYS = 10


@pytest.fixture
def later(catalog: Catalog, settings: Settings) -> Retention:
    """Retention as it is eleven days from now."""
    kept = replace(settings, keep_jobs_days=DAYS, keep_events_days=DAYS)
    instant = datetime.now(UTC) + timedelta(days=DAYS + 1)
    return Retention(catalog, kept, now=lambda: instant)


def ended(catalog: Catalog, job: JobRecord) -> str:
    with catalog.write() as session:
        return cancel(session, job.id).id


def is_there(catalog: Catalog, job_id: str) -> bool:
    with catalog.read() as session:
        return jobs.get_job(session, job_id) is not None


def test_an_old_job_goes_with_all_that_was_only_its_own(
    submit: Submit, catalog: Catalog, later: Retention
) -> None:
    job_id = ended(catalog, submit(3))
    with catalog.write() as session:
        jobs.remember_key(session, "key", fingerprint="f", job_id=job_id)
    assert later.forget() == (1, 0)
    assert not is_there(catalog, job_id)
    with catalog.read() as session:
        assert inputs.count_states(session, job_id) == {}
        assert jobs.recall_key(session, "key") is None
    assert later.forget() == (0, 0)


def test_live_jobs_and_young_ones_stay(
    submit: Submit, catalog: Catalog, settings: Settings, later: Retention
) -> None:
    live = submit(2)
    assert later.forget() == (0, 0)
    assert is_there(catalog, live.id)
    ended(catalog, live)
    young = Retention(catalog, replace(settings, keep_jobs_days=DAYS, keep_events_days=DAYS))
    assert young.forget() == (0, 0)


def test_a_job_that_a_version_came_from_or_another_job_repeats_stays(
    submit: Submit, catalog: Catalog, later: Retention
) -> None:
    made, repeated = ended(catalog, submit(1)), None
    register_pets(catalog, job_id=made)
    with catalog.write() as session:
        repeated = create_job(session, "fine_tune", {}, work={})
        cancel(session, repeated.id)
        create_job(session, "fine_tune", {}, work={}, parent_job_id=repeated.id)
    later.forget()
    assert is_there(catalog, made)
    assert is_there(catalog, repeated.id)


def test_events_go_where_jobs_stay(submit: Submit, catalog: Catalog, settings: Settings) -> None:
    job_id = ended(catalog, submit(1))
    instant = datetime.now(UTC) + timedelta(days=91)
    assert Retention(catalog, settings, now=lambda: instant).forget() == (0, 3)
    with catalog.read() as session:
        assert jobs.list_events(session, job_id, after=0, limit=9) == []
    assert is_there(catalog, job_id)


def test_by_itself_nothing_is_forgotten_before_events_are_old(
    submit: Submit, catalog: Catalog, settings: Settings
) -> None:
    ended(catalog, submit(1))
    assert Retention(catalog, settings).forget() == (0, 0)


def test_a_job_of_many_inputs_goes_bit_by_bit(
    submit: Submit, catalog: Catalog, later: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.jobs.retention.ROWS_A_WRITE", 2)
    monkeypatch.setattr("zoo.jobs.retention.WRITES_A_LOOK", 2)
    job_id = ended(catalog, submit(5))
    assert later.forget()[0] == 0
    assert is_there(catalog, job_id)
    assert later.forget()[0] == 1
