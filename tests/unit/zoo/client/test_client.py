import json
import re
import socket
from pathlib import Path

import pytest

from tests.scripted import ScriptedService
from zoo.client import Client, ClientError, Job, Label, Upload
from zoo.errors import InvalidError, UnavailableError


def job_body(state: str = "queued", **more: object) -> dict[str, object]:
    progress = {"phase": "embed", "completed": 1, "total": 3, "unit": "items", "eta_s": None}
    return {
        "id": "job_1",
        "type": "ingest",
        "state": state,
        "progress": progress,
        "result": None,
        "error": None,
        "created_at": "2026-11-21T12:00:00+00:00",
        **more,
    }


def test_a_refusal_carries_status_code_and_sentence(service: ScriptedService) -> None:
    service.will_refuse(404, code="unknown_collection", detail="no collection 'pest'")

    with Client(service.url) as client, pytest.raises(ClientError) as caught:
        client.put_collection("pest", model="lite.efficientnet_lite0")

    refused = caught.value
    assert (refused.status, refused.code, refused.detail) == (
        404,
        "unknown_collection",
        "no collection 'pest'",
    )


def test_a_refusal_names_the_fields_that_its_sentence_does_not(service: ScriptedService) -> None:
    errors = [{"field": "k", "message": "should be at most 1000", "code": "less_than_equal"}]
    service.will_answer({"code": "invalid", "detail": "wrong", "errors": errors}, status=422)

    with Client(service.url) as client, pytest.raises(ClientError) as caught:
        client.search_image("pets", b"x", k=9999)

    assert caught.value.detail == "wrong; k: should be at most 1000"


def test_a_name_never_leads_to_another_address(service: ScriptedService) -> None:
    for _ in range(2):
        service.will_answer({})

    with Client(service.url) as client:
        client.delete_collection("pets/items/1")
        client.delete_collection("pets?all=ü#1")

    assert [request.path for request in service.requests] == [
        "/v1/collections/pets%2Fitems%2F1",
        "/v1/collections/pets%3Fall%3D%C3%BC%231",
    ]


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8700", "localhost:8700", "http://[::1", "http://", "ftp://zoo", "zoo"]
)
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Client(url)

    given = url.rstrip("/")
    assert caught.value.detail == (
        f"{given!r} is no address of a service; name one as http://127.0.0.1:8700 is"
    )


def test_a_key_is_sent_without_the_end_of_its_line(service: ScriptedService) -> None:
    service.will_answer({"data": []})

    with Client(service.url, key="zoo_k\n") as client:
        client.models()

    assert service.requests[0].headers["authorization"] == "Bearer zoo_k"


@pytest.mark.parametrize("key", ["zoo_ké", "zoo_a\nb"])
def test_a_key_that_can_be_none_is_told(key: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Client("http://127.0.0.1:8700", key=key)

    assert caught.value.detail == "the API key holds characters that no key has; copy it anew"


def test_nobody_at_the_address_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        with Client(url) as client, pytest.raises(UnavailableError) as caught:
            client.models()

    assert caught.value.code == "service_unreachable"
    assert caught.value.detail == (
        f"no service answers at {url}; start one with 'zoo up' or name another with --url"
    )


def test_another_program_at_the_address_is_told_as_such(service: ScriptedService) -> None:
    service.answers.append((500, {}, b"<html>oops</html>"))

    with Client(service.url) as client, pytest.raises(ClientError) as caught:
        client.models()

    assert caught.value.code == "foreign_service"
    assert caught.value.detail == (
        f"{service.url}/v1/models answered 500 with no FeatureZoo answer; "
        "is another program listening there?"
    )


def test_models_are_asked_for_by_kind(service: ScriptedService) -> None:
    row = {"id": "digits", "name": "digits", "kind": "tuned"}
    service.will_answer({"object": "list", "data": [row], "next_cursor": None})

    with Client(service.url) as client:
        [model] = client.models(kind="tuned")

    assert (model.name, model.kind, model.body) == ("digits", "tuned", row)
    assert service.requests[0].path == "/v1/models?kind=tuned"


def test_files_are_sent_under_their_names_in_one_request_a_batch(
    service: ScriptedService, tmp_path: Path
) -> None:
    uploads = []
    for number in range(130):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(f"picture {number}".encode())
        uploads.append(Upload(path=path, name=f"sub/{number}.jpg"))
    for _ in range(2):
        service.will_answer(job_body(), status=202)

    with Client(service.url) as client:
        jobs = list(client.add_files("pets", uploads))

    assert len(jobs) == 2
    assert [request.path for request in service.requests] == ["/v1/collections/pets/items"] * 2
    first, second = (
        re.findall(rb'name="files"; filename="([^"]+)"', request.body)
        for request in service.requests
    )
    assert [*first, *second] == [f"sub/{number}.jpg".encode() for number in range(130)]
    assert len(first) == 128
    assert b"picture 129" in service.requests[1].body


def test_a_busy_service_is_asked_again_with_the_whole_file(
    service: ScriptedService, tmp_path: Path
) -> None:
    picture = tmp_path / "cat.jpg"
    picture.write_bytes(b"cat")
    service.will_refuse(429, code="queue_full", detail="too much", Retry_After="1")
    service.will_answer(job_body(), status=202)

    with Client(service.url) as client:
        [job] = client.add_files("pets", [Upload(path=picture, name="cat.jpg")])

    assert job.id == "job_1"
    assert b"\r\n\r\ncat\r\n" in service.requests[1].body


def test_waiting_tells_every_state_and_gives_the_last(service: ScriptedService) -> None:
    service.will_answer(job_body("running"))
    service.will_answer(job_body("succeeded", result={"embedded": 2, "reused": 1, "failed": 0}))
    seen: list[str] = []

    def tell(job: Job) -> None:
        seen.append(f"{job.state} {job.progress.completed}/{job.progress.total}")

    with Client(service.url) as client:
        service.will_answer(job_body())
        service.answers.insert(0, service.answers.pop())
        ended = client.wait(client.job("job_1"), on_progress=tell)

    assert seen == ["queued 1/3", "running 1/3", "succeeded 1/3"]
    assert (ended.count("embedded"), ended.count("reused"), ended.count("failed")) == (2, 1, 0)


def test_a_job_is_waited_for_while_its_service_is_away(service: ScriptedService) -> None:
    service.will_answer(job_body())
    service.will_refuse(503, code="database_unavailable", detail="it does not answer")
    service.will_answer(job_body("succeeded"))

    with Client(service.url) as client:
        ended = client.wait(client.job("job_1"))

    assert ended.state == "succeeded"


def test_waiting_for_a_job_that_is_gone_ends_at_once(service: ScriptedService) -> None:
    service.will_answer(job_body())
    service.will_refuse(404, code="job_not_found", detail="there is no job job_1")

    with Client(service.url) as client, pytest.raises(ClientError, match="there is no job job_1"):
        client.wait(client.job("job_1"))


def test_a_failed_job_says_why(service: ScriptedService) -> None:
    error = {"code": "no_item_succeeded", "detail": "none of the 2 files given could be used"}
    service.will_answer(job_body("failed", error=error))

    with Client(service.url) as client:
        job = client.job("job_1")

    assert job.is_finished
    assert (job.error_code, job.error_detail) == tuple(error.values())


def test_lists_are_read_page_after_page(service: ScriptedService) -> None:
    row = {"item_id": None, "state": "failed", "error": {"code": "empty_file", "detail": "empty"}}
    service.will_answer({"data": [{"name": "a.jpg", **row}], "next_cursor": "abc_1"})
    service.will_answer({"data": [{"name": "b.jpg", **row}], "next_cursor": None})

    with Client(service.url) as client:
        failed = client.failed_inputs("job_1")

    assert [(one.name, one.code, one.detail) for one in failed] == [
        ("a.jpg", "empty_file", "empty"),
        ("b.jpg", "empty_file", "empty"),
    ]
    assert service.requests[1].path.endswith("&cursor=abc_1")


def test_no_more_jobs_are_read_than_asked_for(service: ScriptedService) -> None:
    service.will_answer({"data": [job_body(), job_body()], "next_cursor": "more"})

    with Client(service.url) as client:
        assert len(client.jobs(limit=2, state="queued")) == 2

    assert service.requests[0].path == "/v1/jobs?state=queued&limit=2"


def test_a_search_sends_the_bytes_and_gives_hits_with_names(service: ScriptedService) -> None:
    hit = {"item_id": "item_1", "score": 0.93, "metadata": {}}
    service.will_answer(
        {"hits": [{**hit, "name": "cat.jpg"}, hit], "model": "lite.x", "took_ms": 4.2}
    )

    with Client(service.url) as client:
        answer = client.search_image("pets", b"\xff\xd8 bytes", k=2)

    assert [(one.name, one.score) for one in answer.hits] == [("cat.jpg", 0.93), ("item_1", 0.93)]
    assert b"\xff\xd8 bytes" in service.requests[0].body
    assert b'name="k"\r\n\r\n2' in service.requests[0].body


def test_labels_come_for_each_picture(service: ScriptedService) -> None:
    rows = [{"labels": [{"label": "tabby", "probability": 0.9}]}, {"labels": []}]
    service.will_answer({"model": "pets:1", "data": rows})

    with Client(service.url) as client:
        answer = client.classify("pets@champion", [b"one", b"two"], top_k=1)

    assert answer.model == "pets:1"
    assert answer.labels == ((Label(label="tabby", probability=0.9),), ())


def test_deleting_what_is_not_there_is_fine(service: ScriptedService) -> None:
    service.will_refuse(404, code="unknown_collection", detail="no collection 'demo'")
    service.answers.append((204, {}, b""))

    with Client(service.url) as client:
        client.delete_collection("demo")
        client.delete_collection("demo")

    assert [request.method for request in service.requests] == ["DELETE", "DELETE"]


def test_a_dataset_takes_an_archive_and_a_job_its_spec(
    service: ScriptedService, tmp_path: Path
) -> None:
    archive = tmp_path / "digits.zip"
    archive.write_bytes(b"PK")
    service.will_answer({"name": "digits", "version": 0})
    service.will_answer(job_body(), status=202)
    service.will_answer(job_body(), status=202)
    service.will_answer({"alias": "champion", "version": 3})

    with Client(service.url, key="secret") as client:
        assert client.put_dataset("digits").version == 0
        client.add_archive("digits", archive)
        client.submit("fine_tune", {"dataset": "digits"})
        client.set_alias("digits", "champion", version=3)

    asked = [(one.method, one.path) for one in service.requests]
    assert asked == [
        ("PUT", "/v1/datasets/digits"),
        ("POST", "/v1/datasets/digits/items"),
        ("POST", "/v1/jobs"),
        ("PUT", "/v1/models/digits/aliases/champion"),
    ]
    assert json.loads(service.requests[2].body) == {
        "type": "fine_tune",
        "spec": {"dataset": "digits"},
    }
    assert service.requests[0].headers["authorization"] == "Bearer secret"


def test_ready_is_what_readyz_says(service: ScriptedService) -> None:
    service.will_answer({"status": "ready"})
    service.will_refuse(503, code="unavailable", detail="not yet")

    with Client(service.url) as client:
        assert client.is_ready()
        assert not client.is_ready()


def test_a_dataset_without_a_version_has_nothing_to_check(service: ScriptedService) -> None:
    service.will_answer({"name": "pets", "version": None})
    with Client(service.url) as client, pytest.raises(InvalidError) as caught:
        client.validation("pets")
    assert caught.value.detail == "the dataset 'pets' has no version yet; send examples to it"
