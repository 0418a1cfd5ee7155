"""Every refusal is a problem of one shape, with its own code and the nearest names."""

import io
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.eager import LITE0, EagerService

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "request_id"}


def check_problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem, after a look at its shape."""
    assert answer.mimetype == "application/problem+json", answer.get_data()
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem.keys() >= MEMBERS
    assert problem["status"] == status
    assert problem["type"] == f"urn:zoo:problem:{code}"
    assert problem["request_id"] == answer.headers["X-Request-Id"] != ""
    assert problem["detail"]
    assert not problem["detail"].endswith(".")
    for error in problem["errors"]:
        assert set(error) == {"field", "message", "code"}
    return dict(problem)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_route"),
        ("GET", "/v1/collections/a/b/c", 404, "unknown_route"),
        ("PATCH", "/v1/jobs", 405, "method_not_allowed"),
        ("DELETE", "/v1/embeddings", 405, "method_not_allowed"),
        ("GET", "/v1/jobs/job_none", 404, "unknown_job"),
        ("GET", "/v1/collections/none", 404, "unknown_collection"),
        ("DELETE", "/v1/collections/none", 404, "unknown_collection"),
        ("POST", "/v1/collections/none/items", 404, "unknown_collection"),
        ("GET", "/v1/datasets/none", 404, "unknown_dataset"),
        ("GET", "/v1/models/none", 404, "unknown_model"),
        ("GET", "/v1/collections?limit=0", 422, "invalid"),
        ("GET", "/v1/collections?limit=1001", 422, "invalid"),
        ("GET", "/v1/collections?colour=red", 422, "invalid"),
    ],
)
def test_a_refusal_has_the_one_shape(
    service: EagerService, method: str, path: str, status: int, code: str
) -> None:
    check_problem(service.client.open(path, method=method), status, code)


def test_a_wrong_method_says_which_are_right(service: EagerService) -> None:
    answer = service.client.patch("/v1/jobs")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/embeddings", "/v1/classify"])
def test_bodies_that_are_no_json_are_told_apart(service: EagerService, path: str) -> None:
    client = service.client
    malformed = client.post(path, data="{'a': 1", content_type="application/json")
    check_problem(malformed, 400, "malformed_json")
    deep = client.post(path, data="[" * 100_000, content_type="application/json")
    check_problem(deep, 400, "malformed_json")
    other = client.post(path, data="a=1", content_type="text/csv")
    check_problem(other, 415, "unsupported_media_type")
    wrong = client.post(path, json=["a list"])
    check_problem(wrong, 422, "invalid")
    narrow = service.client_with(max_json_bytes=100)
    large = narrow.post(path, json={"model": "m" * 200})
    check_problem(large, 413, "request_too_large")


def test_unknown_and_missing_fields_are_each_named(service: EagerService) -> None:
    answer = service.client.put("/v1/collections/named", json={"colour": "red", "metric": "abs"})
    problem = check_problem(answer, 422, "invalid")
    codes = {error["field"]: error["code"] for error in problem["errors"]}
    assert codes.keys() == {"model", "colour", "metric"}
    assert codes["colour"] == "unknown_field"
    assert service.client.get("/v1/collections/named").status_code == 404


def test_an_unknown_model_is_answered_with_the_nearest(service: EagerService) -> None:
    answer = service.client.put("/v1/collections/x", json={"model": "lite.efficientnet_lite"})
    problem = check_problem(answer, 404, "unknown_model")
    assert LITE0 in problem["nearest"]
    assert "did you mean" in problem["detail"]


def test_an_unknown_collection_is_answered_with_the_nearest(service: EagerService) -> None:
    name = service.collection().rpartition("/")[2]
    problem = check_problem(
        service.client.get(f"/v1/collections/{name}x"), 404, "unknown_collection"
    )
    assert name in problem["nearest"]


@pytest.mark.parametrize("name", ["UPPER", "dot.ted", "sp%20ace", "x" * 200])
def test_names_of_ones_own_have_their_alphabet(service: EagerService, name: str) -> None:
    for url, body in ((f"/v1/collections/{name}", {"model": LITE0}), (f"/v1/datasets/{name}", {})):
        check_problem(service.client.put(url, json=body), 422, "invalid_name")


def test_a_collection_is_put_again_only_as_it_is(service: EagerService) -> None:
    url = service.collection()
    assert service.client.put(url, json={"model": "lite.efficientnet_lite0"}).status_code == 200
    other = service.client.put(url, json={"model": LITE0, "metric": "l2"})
    check_problem(other, 409, "collection_exists")


def test_an_upload_beyond_the_limits_is_413(service: EagerService) -> None:
    url = service.collection()
    [(_, content)] = service.pictures(1)
    small = service.client_with(max_request_bytes=1000)
    answer = small.post(f"{url}/items", data=content * 9, content_type="image/jpeg")
    check_problem(answer, 413, "request_too_large")
    few = service.client_with(max_parts=2)
    files = [(io.BytesIO(content), f"{n}.jpg") for n in range(4)]
    answer = few.post(f"{url}/items", data={"files": files})
    check_problem(answer, 413, "request_too_large")
    assert service.get(url)["items"] == 0


@pytest.mark.parametrize("path", ["/v1/models", "/readyz", "/v1/nothing"])
def test_foreign_hosts_and_origins_are_refused(service: EagerService, path: str) -> None:
    client = service.client
    for host in ("evil.example", "127.0.0.1.evil.example", "169.254.1.1"):
        check_problem(client.get(path, headers={"Host": host}), 403, "foreign_host")
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        answer = client.get(path, headers={"Host": "localhost:8700", "Origin": origin})
        check_problem(answer, 403, "foreign_origin")


def test_the_own_page_and_local_names_are_served(service: EagerService) -> None:
    for host in ("localhost", "127.0.0.1:8700", "[::1]:8700"):
        answer = service.client.get(
            "/v1/models", headers={"Host": host, "Origin": f"http://{host}"}
        )
        assert answer.status_code == 200, host


def test_a_request_keeps_the_id_that_it_came_with(service: EagerService) -> None:
    named = service.client.get("/v1/nothing", headers={"X-Request-Id": "mine-1"})
    assert named.get_json()["request_id"] == "mine-1"
    odd = service.client.get("/v1/nothing", headers={"X-Request-Id": "a b\tc"})
    assert odd.get_json()["request_id"] not in ("", "a b\tc")
