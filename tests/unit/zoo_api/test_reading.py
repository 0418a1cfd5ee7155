from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

URL = "/v1/jobs"


def send(client: FlaskClient, body: str | bytes) -> TestResponse:
    return client.post(URL, data=body, content_type="application/json")


def errors(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 422
    return list(answer.get_json()["errors"])


@pytest.mark.parametrize(
    "body",
    ["", "{", "{'type': 1}", '{"type": }', b'{"type": "\xff"}', '{"type": "\\ud800"}', "1 2"],
)
def test_what_is_no_json_is_malformed(client: FlaskClient, body: str | bytes) -> None:
    answer = send(client, body)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_json")
    assert answer.get_json()["detail"].startswith("the body is not JSON: ")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_invalid(client: FlaskClient, number: str) -> None:
    answer = send(client, f'{{"type": "fine_tune", "spec": {{"l2": {number}}}}}')
    assert (answer.status_code, answer.get_json()["code"]) == (422, "not_finite")
    assert answer.get_json()["detail"] == f"the body holds {number}; every number must be finite"


def test_every_wrong_member_is_named_with_its_place(client: FlaskClient) -> None:
    found = errors(client.post(URL, json={"spec": [], "colour": "red"}))
    assert {(error["field"], error["code"]) for error in found} == {
        ("type", "missing"),
        ("spec", "dict_type"),
        ("colour", "unknown_field"),
    }


def test_the_sentence_says_the_first_and_how_many_more(client: FlaskClient) -> None:
    answer = client.post(URL, json={"spec": [], "colour": "red"})
    assert answer.get_json()["detail"].endswith(" (and 2 more)")
    one = client.put("/v1/datasets/pets", json={"colour": "red"})
    assert one.get_json()["detail"] == "colour: unknown field"


def test_a_body_of_another_type_is_told_what_to_send(client: FlaskClient) -> None:
    for headers, given in (({}, "of no media type"), ({"content_type": "text/csv"}, "text/csv")):
        answer = client.post(URL, data=b"a,b", **headers)
        assert answer.status_code == 415
        assert answer.get_json()["detail"] == f"the body is {given}; send application/json"


def test_json_by_any_of_its_types_is_read(client: FlaskClient) -> None:
    for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
        assert client.put("/v1/datasets/pets", data="{}", content_type=kind).status_code < 300


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("colour=1", "colour")],
)
def test_a_wrong_query_names_its_parameter(client: FlaskClient, query: str, field: str) -> None:
    [error] = errors(client.get(f"{URL}?{query}"))
    assert error["field"] == field


def test_a_parameter_given_twice_is_refused(client: FlaskClient) -> None:
    [error] = errors(client.get(f"{URL}?limit=1&limit=2"))
    assert error == {"field": "limit", "message": "given more than once", "code": "repeated"}
