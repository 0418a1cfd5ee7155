from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from zoo.catalog.records import InputRecord, JobRecord
from zoo_api.job_views import error_json, eta_s, input_json, instant, steps_json


@pytest.fixture
def running() -> JobRecord:
    """A job that has run for ten seconds."""
    began = datetime.now(UTC) - timedelta(seconds=10)
    return JobRecord(
        id="job_1",
        type="ingest",
        state="running",
        spec={},
        work={},
        final_kind="index",
        is_internal=False,
        phase="embed",
        steps=[],
        warnings=[],
        result=None,
        error_code=None,
        error_detail=None,
        attempt=1,
        parent_job_id=None,
        request_id=None,
        created_at=began,
        started_at=began,
        finished_at=None,
    )


def test_the_time_left_follows_the_rate_until_now(running: JobRecord) -> None:
    assert eta_s(running, 25, 100) == pytest.approx(30, abs=1)


def test_nothing_is_said_of_the_time_left_before_anything_is_done(running: JobRecord) -> None:
    assert eta_s(running, 0, 100) is None
    assert eta_s(replace(running, started_at=None), 5, 100) is None


def test_an_ended_job_has_no_time_left(running: JobRecord) -> None:
    assert eta_s(replace(running, finished_at=datetime.now(UTC)), 25, 100) == 0


def test_a_failed_input_is_not_an_item() -> None:
    failed = InputRecord(
        pk=1,
        position=0,
        name="a.txt",
        item_id="item_1",
        label=None,
        split=None,
        metadata={},
        sha256=None,
        state="failed",
        error_code="not_an_image",
        error_detail="the bytes are no picture",
    )
    assert input_json(failed) == {
        "name": "a.txt",
        "item_id": None,
        "state": "failed",
        "error": {"code": "not_an_image", "detail": "the bytes are no picture"},
    }
    assert input_json(replace(failed, state="embedded", error_code=None))["item_id"] == "item_1"


def test_what_is_absent_is_null() -> None:
    assert error_json(None, None) is None
    assert instant(None) is None
    assert instant(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"


def test_a_phase_ends_when_the_next_begins_and_the_last_with_the_job(running: JobRecord) -> None:
    embed = {"phase": "embed", "started_at": "2026-01-02T00:00:00+00:00"}
    index = {"phase": "index", "started_at": "2026-01-02T00:00:09+00:00"}
    job = replace(running, steps=[embed, index])
    ended = replace(job, finished_at=datetime(2026, 1, 3, tzinfo=UTC))

    ends = [[step["finished_at"] for step in steps_json(one)] for one in (job, ended)]
    assert ends == [
        ["2026-01-02T00:00:09+00:00", None],
        ["2026-01-02T00:00:09+00:00", "2026-01-03T00:00:00+00:00"],
    ]


def test_a_job_that_waits_has_no_steps(running: JobRecord) -> None:
    assert steps_json(running) == []
    assert steps_json(replace(running, finished_at=datetime.now(UTC))) == []
