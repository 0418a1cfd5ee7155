"""Jobs: asked for once, waited for, watched, listed, cancelled and tried again."""

import json
import re
from collections.abc import Iterator
from datetime import datetime

from tests.eager import EagerService, Json, walk

MEMBERS = {
    *("id", "type", "state", "spec", "progress", "steps", "warnings", "result", "error"),
    *("extraction", "attempt", "parent_job_id", "created_at", "started_at", "finished_at"),
}


def sse(text: str) -> Iterator[dict[str, str]]:
    """The events of a stream, as their fields."""
    for block in text.split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if lines:
            yield {name: value for name, _, value in lines}


def test_a_job_has_the_shape_that_is_promised(service: EagerService) -> None:
    url = service.collection()
    answer = service.post_files(f"{url}/items", service.pictures(3))
    job = answer.get_json()

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job == service.get(answer.headers["Location"])
    assert set(job) == MEMBERS
    assert (job["type"], job["state"], job["error"]) == ("ingest", "succeeded", None)
    assert job["spec"] == {"collection": url.rpartition("/")[2], "dataset": None}
    assert set(job["progress"]) == {"phase", "completed", "total", "unit", "eta_s"}
    moments = [datetime.fromisoformat(job[f"{what}_at"]) for what in ("created", "started")]
    assert moments[0] <= moments[1] <= datetime.fromisoformat(job["finished_at"])


def test_what_waits_is_queued_until_a_worker_is_woken(service: EagerService) -> None:
    with service.held():
        job = service.send(service.collection(), service.pictures(2))
        assert (job["state"], job["started_at"], job["result"]) == ("queued", None, None)
        assert job["progress"]["completed"] == 0
        assert job["progress"]["total"] == 2
    service.relay()
    assert service.get(f"/v1/jobs/{job['id']}")["state"] == "succeeded"


def test_an_idempotency_key_makes_one_job_of_two_requests(service: EagerService) -> None:
    url, given, key = service.collection(), service.pictures(2), service.fresh("key")
    first = service.send(url, given, Idempotency_Key=key)
    again = service.send(url, given, Idempotency_Key=key)
    assert again["id"] == first["id"]
    assert service.get(url)["items"] == 2

    other = service.post_files(f"{url}/items", service.pictures(1), Idempotency_Key=key)
    assert other.status_code == 422
    assert other.get_json()["code"] == "idempotency_key_reused"
    elsewhere = service.post_files(f"{service.collection()}/items", given, Idempotency_Key=key)
    assert elsewhere.get_json()["code"] == "idempotency_key_reused"
    too_long = service.post_files(f"{url}/items", given, Idempotency_Key="k" * 256)
    assert too_long.get_json()["code"] == "invalid_idempotency_key"


def test_prefer_wait_answers_when_the_job_ends_or_the_time_is_over(service: EagerService) -> None:
    url = service.collection()
    done = service.post_files(f"{url}/items", service.pictures(1), Prefer="wait=5")
    assert (done.status_code, done.get_json()["state"]) == (202, "succeeded")
    assert done.headers["Preference-Applied"] == "wait=5"
    with service.held():
        waiting = service.post_files(f"{url}/items", service.pictures(1), Prefer="wait=1")
    assert (waiting.status_code, waiting.get_json()["state"]) == (202, "queued")
    assert "Preference-Applied" not in service.post_files(f"{url}/items", []).headers
    service.relay()


def test_a_cancelled_job_does_nothing_more_and_can_be_tried_again(service: EagerService) -> None:
    url = service.collection()
    with service.held():
        job = service.send(url, service.pictures(6))
        answer = service.client.post(f"/v1/jobs/{job['id']}/cancel")
        assert (answer.status_code, answer.get_json()["state"]) == (202, "cancelled")
    service.relay()
    assert service.get(url)["items"] == 0
    refused = service.client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "job_ended")

    again = service.client.post(f"/v1/jobs/{job['id']}/retry").get_json()

    assert (again["state"], again["parent_job_id"]) == ("succeeded", job["id"])
    assert again["result"] == {"embedded": 6, "reused": 0, "failed": 0}
    assert service.get(url)["items"] == 6


def test_a_retry_takes_the_failed_inputs_alone(service: EagerService) -> None:
    url = service.collection()
    job = service.send(url, [*service.pictures(2), ("bad.txt", b"text"), ("empty", b"")])
    again = service.client.post(f"/v1/jobs/{job['id']}/retry").get_json()

    assert again["id"] != job["id"]
    assert (again["state"], again["error"]["code"]) == ("failed", "no_item_succeeded")
    assert again["result"] == {"embedded": 0, "reused": 0, "failed": 1}
    assert set(service.failures(again)) == {"bad.txt"}
    assert service.get(url)["items"] == 2


def test_a_job_without_a_failed_input_cannot_be_tried_again(service: EagerService) -> None:
    job = service.send(service.collection(), service.pictures(1))
    refused = service.client.post(f"/v1/jobs/{job['id']}/retry")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "nothing_to_retry")
    with service.held():
        waiting = service.send(service.collection(), service.pictures(1))
        early = service.client.post(f"/v1/jobs/{waiting['id']}/retry")
        assert (early.status_code, early.get_json()["code"]) == (409, "job_not_ended")
    service.relay()


def test_cursors_pasted_as_they_are_walk_to_the_same_list(service: EagerService) -> None:
    url, _ = service.ingested(5)
    job = service.send(url, [*service.pictures(2), ("a", b"x"), ("b", b"y")])
    lists = [
        "/v1/jobs",
        "/v1/jobs?type=ingest&state=succeeded",
        f"/v1/jobs/{job['id']}/items",
        f"/v1/jobs/{job['id']}/items?state=failed",
        f"{url}/items",
        "/v1/collections",
        "/v1/datasets",
    ]
    for path in lists:
        joint = "&" if "?" in path else "?"
        whole = service.rows(f"{path}{joint}limit=1000")
        assert list(walk(service.get, path)) == whole, path
        page = service.get(f"{path}{joint}limit=1")
        assert re.fullmatch(r"[A-Za-z0-9_-]+", page["next_cursor"] or "none")


def test_jobs_are_listed_newest_first_and_by_state_and_type(service: EagerService) -> None:
    good = service.send(service.collection(), service.pictures(1))
    bad = service.send(service.collection(), [("text", b"text")])
    newest = service.get("/v1/jobs?limit=2")["data"]
    assert [job["id"] for job in newest] == [bad["id"], good["id"]]
    failed = service.get("/v1/jobs?state=failed&limit=1000")["data"]
    assert bad["id"] in {job["id"] for job in failed}
    assert {job["state"] for job in failed} == {"failed"}
    assert {job["type"] for job in service.get("/v1/jobs?type=ingest")["data"]} == {"ingest"}
    wrong = service.client.get("/v1/jobs?state=done")
    assert (wrong.status_code, wrong.get_json()["errors"][0]["field"]) == (422, "state")
    lost = service.client.get("/v1/jobs?cursor=nonsense")
    assert (lost.status_code, lost.get_json()["code"]) == (422, "invalid_cursor")


def test_events_are_streamed_to_the_jobs_end_and_from_any_point_on(service: EagerService) -> None:
    job = service.send(service.collection(), service.pictures(3))
    url = f"/v1/jobs/{job['id']}/events"
    as_json = {"Accept": "application/json"}
    listed: list[Json] = service.client.get(url, headers=as_json).get_json()["data"]
    assert listed[-1]["payload"]["state"] == "succeeded"

    answer = service.client.get(url)
    streamed = list(sse(answer.get_data(as_text=True)))

    assert answer.mimetype == "text/event-stream"
    told = [event for event in streamed if "id" in event]
    assert [json.loads(event["data"]) for event in told] == listed
    assert [event["event"] for event in streamed].count("progress") == 1
    seen = told[0]["id"]
    rest = sse(service.client.get(url, headers={"Last-Event-ID": seen}).get_data(as_text=True))
    assert [event["id"] for event in rest if "id" in event] == [event["id"] for event in told[1:]]
    later = service.client.get(f"{url}?after={seen}", headers=as_json)
    assert later.get_json()["data"] == listed[1:]


def test_a_full_queue_says_when_to_come_again(service: EagerService) -> None:
    url = service.collection()
    narrow = service.client_with(queue_limit_s=0.0)
    with service.held():
        job = service.send(url, service.pictures(4))
        answer = narrow.post(
            f"{url}/items", data=service.pictures(1)[0][1], content_type="image/jpeg"
        )
        service.client.post(f"/v1/jobs/{job['id']}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "queue_full")
    assert int(answer.headers["Retry-After"]) >= 1


def test_only_types_that_run_are_offered_with_their_schema(service: EagerService) -> None:
    types = {row["type"]: row for row in service.rows("/v1/job-types")}
    assert set(types) == {"extract", "fine_tune", "ingest"}
    schema = service.get("/v1/job-types/fine_tune")["schema"]
    assert set(schema["required"]) == {"dataset", "model", "name"}
    assert schema["properties"]["strategy"]["default"] == "head_only"
    assert schema["properties"]["seed"]["default"] == 0
    assert service.client.get("/v1/job-types/fine_tunes").status_code == 404
