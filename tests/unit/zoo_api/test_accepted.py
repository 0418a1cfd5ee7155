import io
import time
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.labelled import seal_version
from tests.stock import Stock
from zoo.catalog import Catalog, jobs
from zoo.jobs.ledger import cancel


@pytest.fixture
def url(client: FlaskClient) -> str:
    """Where a dataset takes items."""
    client.put("/v1/datasets/pets", json={})
    return "/v1/datasets/pets/items"


def send(client: FlaskClient, url: str, content: bytes = b"cat", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"files": (io.BytesIO(content), "a.jpg"), "label": "cat"}
    return client.post(url, data=form, headers=named)


def test_accepted_work_is_answered_with_the_job_and_where_to_watch_it(
    client: FlaskClient, url: str
) -> None:
    answer = send(client, url)
    assert answer.status_code == 202
    job = client.get(answer.headers["Location"]).get_json()
    assert (job, job["state"]) == (answer.get_json(), "queued")


def test_one_key_makes_one_job(client: FlaskClient, url: str) -> None:
    ids = {send(client, url, Idempotency_Key="k").get_json()["id"] for _ in range(3)}
    assert len(ids) == 1
    assert send(client, url).get_json()["id"] not in ids


def test_a_key_that_comes_with_another_request_is_refused(client: FlaskClient, url: str) -> None:
    send(client, url, Idempotency_Key="k")
    answer = send(client, url, content=b"dog", Idempotency_Key="k")
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == (
        "Idempotency-Key 'k' came with another request before; use a new one"
    )


def test_a_key_is_answered_though_what_its_request_named_has_gone(
    client: FlaskClient, url: str, catalog: Catalog, stock: Stock
) -> None:
    def post(path: str, **content: Any) -> TestResponse:
        return client.post(path, headers={"Idempotency-Key": path}, **content)

    def send_all(**spec: object) -> list[TestResponse]:
        job = {"dataset": "pets", "model": "lite.tiny", "name": "mine", **spec}
        labelled = {"items": [{"text": "a cat", "label": "cat"}]}
        pixels = {"data": b"cat", "content_type": "image/jpeg"}
        return [
            post("/v1/jobs", json={"type": "fine_tune", "spec": job}),
            post("/v1/datasets/said/items", json=labelled),
            post("/v1/collections/seen/items", **pixels),
            send(client, url, Idempotency_Key="k"),
        ]

    seal_version(catalog, "pets", {"cat": 2, "dog": 2})
    client.put("/v1/datasets/said", json={})
    stock.collection("seen")
    first = send_all()
    for path in ("datasets/pets", "datasets/said", "collections/seen"):
        assert client.delete(f"/v1/{path}").status_code == 204

    again = send_all()

    assert [one.status_code for one in first + again] == [202] * 8
    assert [one.get_json()["id"] for one in again] == [one.get_json()["id"] for one in first]
    reused = send(client, url, content=b"dog", Idempotency_Key="k"), send_all(name="other")[0]
    assert {one.get_json()["code"] for one in reused} == {"idempotency_key_reused"}
    assert send(client, url).status_code == 404


def test_a_cancellation_sent_again_with_its_key_is_answered_again(
    client: FlaskClient, url: str
) -> None:
    cancel_url = f"/v1/jobs/{send(client, url).get_json()['id']}/cancel"
    keyed = {"Idempotency-Key": "stop"}
    first, again = client.post(cancel_url, headers=keyed), client.post(cancel_url, headers=keyed)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["state"] == again.get_json()["state"] == "cancelled"
    assert client.post(cancel_url).get_json()["code"] == "job_ended"


def test_a_full_queue_refuses_work_but_not_its_cancellation(client: FlaskClient, url: str) -> None:
    job_id = send(client, url).get_json()["id"]
    extensions = client.application.extensions
    full = replace(extensions["zoo"].settings, queue_limit_s=0.0)
    extensions["zoo"] = replace(extensions["zoo"], settings=full)

    refused = send(client, url)

    assert (refused.status_code, refused.get_json()["code"]) == (429, "queue_full")
    assert int(refused.headers["Retry-After"]) >= 1
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
    assert send(client, url).status_code == 202


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_a_length(client: FlaskClient, url: str, key: str) -> None:
    answer = send(client, url, Idempotency_Key=key)
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == (
        f"an Idempotency-Key has 1 to 255 characters, this one has {len(key)}"
    )


def test_a_refused_request_leaves_its_key_free(
    client: FlaskClient, url: str, catalog: Catalog
) -> None:
    client.delete("/v1/datasets/pets")
    assert send(client, url, Idempotency_Key="k").status_code == 404
    with catalog.read() as session:
        assert jobs.recall_key(session, "k") is None


def test_waiting_ends_when_its_time_is_over(client: FlaskClient, url: str) -> None:
    began = time.monotonic()
    answer = send(client, url, Prefer="wait=1")
    assert 1 <= time.monotonic() - began < 5
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert answer.get_json()["state"] == "queued"


def test_waiting_for_what_has_ended_takes_no_time(
    client: FlaskClient, url: str, catalog: Catalog
) -> None:
    job_id = send(client, url, Idempotency_Key="k").get_json()["id"]
    with catalog.write() as session:
        cancel(session, job_id)
    began = time.monotonic()
    answer = send(client, url, Idempotency_Key="k", Prefer="wait=60")
    assert time.monotonic() - began < 5
    assert answer.get_json()["state"] == "cancelled"
