import io
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


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"k": "5"}, "k", "k: Input should be a valid integer"),
        ({"k": True}, "k", "k: Input should be a valid integer"),
        ({"k": 5.5}, "k", "k: Input should be a valid integer"),
        ({"min_score": "0.5"}, "min_score", "min_score: Input should be a valid number"),
        ({"vector": ["1"]}, "vector.0", "vector.0: Input should be a valid number"),
        ({"item_id": 7}, "item_id", "item_id: Input should be a valid string"),
    ],
    ids=str,
)
def test_values_of_another_json_type_are_refused(
    client: FlaskClient, body: dict[str, object], field: str, detail: str
) -> None:
    answer = client.post("/v1/collections/photos/search", json=body)
    assert [error["field"] for error in errors(answer)] == [field]
    assert answer.get_json()["detail"] == detail


def test_an_answer_names_a_hundred_of_the_fields_that_are_wrong(client: FlaskClient) -> None:
    answer = client.post("/v1/collections/photos/search", json={f"f{n}": n for n in range(150)})

    assert len(errors(answer)) == 100
    assert answer.get_json()["detail"] == "f0: unknown field (and 149 more)"


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({f"f{n}": n for n in range(10_001)}, 500),
        ({"vector": [""] * 100_000}, 1000),
        ({"n" * 1_000_000: 1}, 2000),
    ],
    ids=["fields", "numbers", "name"],
)
def test_a_refusal_is_small_whatever_is_refused(
    client: FlaskClient, body: dict[str, object], most: int
) -> None:
    answer = client.post("/v1/collections/photos/search", json=body)

    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    assert len(answer.get_data()) < most


def test_a_spec_s_values_are_of_their_json_types_too(client: FlaskClient) -> None:
    spec = {"dataset": "pets", "model": "lite.tiny", "name": "mine", "seed": "1"}
    [error] = errors(client.post(URL, json={"type": "fine_tune", "spec": spec}))
    assert (error["field"], error["code"]) == ("seed", "int_type")


def test_whole_numbers_will_do_for_fractions(client: FlaskClient) -> None:
    answer = client.post("/v1/collections/photos/search", json={"vector": [1, 0], "min_score": 0})
    assert answer.get_json()["code"] == "unknown_collection"


def test_forms_and_queries_are_text_and_read_as_what_they_say(client: FlaskClient) -> None:
    form = {"image": (io.BytesIO(b"x"), "x"), "k": "5", "min_score": "0.5"}
    answer = client.post("/v1/collections/photos/search", data=form)
    assert answer.get_json()["code"] == "unknown_collection"
    assert client.get(f"{URL}?limit=5").status_code == 200


def test_json_deeper_than_any_parser_goes_is_malformed(client: FlaskClient) -> None:
    deep = "[" * 300 + "]" * 300
    answer = send(client, f'{{"type": "fine_tune", "spec": {{"l2": {deep}}}}}')
    assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed_json")
