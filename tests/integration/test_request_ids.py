"""One request id stands in every line of the log that comes of a request, in every process."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import structlog

from zoo.catalog import jobs
from zoo.inference.predictor import PredictorApp
from zoo.testing.pictures import picture
from zoo.testing.plugin import MakeZooService
from zoo_workers import shards

Seen = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What the log names while shards are done and the predictor answers."""
    found: Seen = []

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def watch(*given: Any) -> Any:
            found.append((given[-1], dict(structlog.contextvars.get_contextvars())))
            return original(*given)

        return watch

    monkeypatch.setattr(shards, "_work", watched(shards._work))
    monkeypatch.setattr(PredictorApp, "_route", watched(PredictorApp._route))
    return found


def test_a_request_is_named_by_its_job_its_shards_and_the_predictor(
    make_zoo_service: MakeZooService, seen: Seen
) -> None:
    service = make_zoo_service()
    name = service.collection("traced")
    seen.clear()
    answer = service.client.post(
        f"/v1/collections/{name}/items",
        data=picture(1),
        content_type="image/jpeg",
        headers={"X-Request-Id": "mine-1"},
    )
    job_id = answer.get_json()["id"]
    with service.context.catalog.read() as session:
        job = jobs.get_job(session, job_id)
    assert job is not None
    assert job.request_id == answer.headers["X-Request-Id"] == "mine-1"
    assert [kind for kind, _ in seen] == ["embed"]
    assert {(names["job_id"], names["request_id"]) for _, names in seen} == {(job_id, "mine-1")}

    seen.clear()
    service.client.post(
        f"/v1/collections/{name}/search",
        data={"image": (BytesIO(picture(1)), "p.jpg")},
        headers={"X-Request-Id": "mine-2"},
    )
    assert [(path, names["request_id"]) for path, names in seen] == [("/embed", "mine-2")]


def test_a_retried_job_is_the_retrying_requests(
    make_zoo_service: MakeZooService,
) -> None:
    service = make_zoo_service()
    job = service.ingest(service.collection("again"), {"a.jpg": b"broken"})
    answer = service.client.post(f"/v1/jobs/{job['id']}/retry", headers={"X-Request-Id": "second"})
    assert answer.status_code == 202, answer.text
    with service.context.catalog.read() as session:
        retried = jobs.get_job(session, answer.get_json()["id"])
    assert retried is not None
    assert retried.request_id == "second"
