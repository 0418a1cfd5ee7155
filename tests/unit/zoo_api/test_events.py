import io
import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from zoo.catalog import Catalog
from zoo.errors import UnavailableError
from zoo.jobs.ledger import cancel
from zoo_api import events
from zoo_api.services import MOST_STREAMS

JSON = {"Accept": "application/json"}


@pytest.fixture
def job_id(client: FlaskClient) -> str:
    """A job that waits."""
    client.put("/v1/datasets/pets", json={})
    form = {"files": (io.BytesIO(b"x"), "x.jpg"), "label": "cat"}
    return str(client.post("/v1/datasets/pets/items", data=form).get_json()["id"])


def lines(answer: TestResponse) -> Iterator[str]:
    for chunk in answer.iter_encoded():
        yield from chunk.decode().splitlines()


def states(answer: TestResponse) -> list[str]:
    """The states that a whole stream tells of."""
    told = [json.loads(line[6:]) for line in lines(answer) if line.startswith('data: {"id"')]
    return [event["payload"]["state"] for event in told]


def test_a_stream_follows_a_live_job_to_its_end(
    client: FlaskClient, catalog: Catalog, job_id: str
) -> None:
    answer = client.get(f"/v1/jobs/{job_id}/events")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    stream = lines(answer)
    assert next(stream).startswith("id: ")
    assert next(stream) == "event: state"
    assert json.loads(next(stream).removeprefix("data: "))["payload"] == {"state": "queued"}

    with catalog.write() as session:
        cancel(session, job_id)

    rest = [json.loads(line[6:]) for line in stream if line.startswith("data: ")]
    assert [event["payload"]["state"] for event in rest if "payload" in event][-1] == "cancelled"


@pytest.mark.parametrize("given", ["", "abc", "-1", "²", "9" * 25, "1.5"])
def test_an_event_id_that_is_none_of_ours_tells_everything(
    client: FlaskClient, catalog: Catalog, job_id: str, given: str
) -> None:
    end(catalog, job_id)
    answer = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": given, **JSON})
    assert answer.status_code == 200
    assert len(answer.get_json()["data"]) == 3


def test_a_stream_taken_up_again_tells_only_the_rest(
    client: FlaskClient, catalog: Catalog, job_id: str
) -> None:
    end(catalog, job_id)
    url = f"/v1/jobs/{job_id}/events"
    assert states(client.get(url)) == ["queued", "cancelling", "cancelled"]
    first = client.get(url, headers=JSON).get_json()["data"][0]["id"]
    assert states(client.get(url, headers={"Last-Event-ID": str(first)})) == [
        "cancelling",
        "cancelled",
    ]
    assert states(client.get(f"{url}?after={first}")) == ["cancelling", "cancelled"]


def test_streams_leave_threads_for_everybody_else(client: FlaskClient, job_id: str) -> None:
    url = f"/v1/jobs/{job_id}/events"
    opened = [client.get(url) for _ in range(MOST_STREAMS)]
    refused = client.get(url)
    assert (refused.status_code, refused.get_json()["code"]) == (503, "too_many_streams")
    assert refused.headers["Retry-After"]
    assert client.get(url, headers=JSON).status_code == 200

    opened[0].close()

    again = client.get(url)
    assert again.status_code == 200
    for answer in (again, *opened[1:]):
        answer.close()


def test_a_stream_that_is_refused_late_takes_nobody_s_place(
    client: FlaskClient, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise UnavailableError("locked", code="database_unavailable")

    url = f"/v1/jobs/{job_id}/events"
    with monkeypatch.context() as patch:
        patch.setattr(events, "admission", refuse)
        for _ in range(MOST_STREAMS):
            assert client.get(url).status_code == 503
    with client.get(url) as answer:
        assert answer.status_code == 200


def end(catalog: Catalog, job_id: str) -> None:
    with catalog.write() as session:
        cancel(session, job_id)
