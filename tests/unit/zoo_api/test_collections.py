import pytest
from flask.testing import FlaskClient

from tests.stock import Stock, random_vectors

URL = "/v1/collections/holidays"


def test_a_new_collection_is_created_and_answered_the_same_again(client: FlaskClient) -> None:
    created = client.put(URL, json={"model": "lite.tiny"})
    again = client.put(URL, json={"model": "lite.tiny.in1k", "metric": "cosine"})

    assert (created.status_code, again.status_code) == (201, 200)
    body = created.get_json()
    space_id, created_at = body.pop("space_id"), body.pop("created_at")
    assert len(space_id) == 64
    assert created_at.endswith("+00:00")
    assert body == {
        "name": "holidays",
        "model": "lite.tiny.in1k",
        "metric": "cosine",
        "dim": 4,
        "generation": 1,
        "items": 0,
        "index": {"kind": "flat", "exact": True},
        "is_random": False,
    }
    assert again.get_json() == created.get_json() == client.get(URL).get_json()


def test_random_weights_are_flagged(client: FlaskClient) -> None:
    body = client.put(URL, json={"model": "lite.tiny.random"}).get_json()
    assert (body["model"], body["is_random"]) == ("lite.tiny.random", True)


def test_a_collection_that_exists_otherwise_says_what_differs(client: FlaskClient) -> None:
    client.put(URL, json={"model": "lite.tiny"})
    answer = client.put(URL, json={"model": "lite.tiny.random", "metric": "l2"})
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "collection_exists"
    assert answer.get_json()["detail"] == (
        "collection 'holidays' exists already: its model is 'lite.tiny.in1k', not "
        "'lite.tiny.random' and its metric is 'cosine', not 'l2'"
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "lite.tinny"}, 404, "unknown_model"),
        ({"model": None, "dim": 4, "space": "mine"}, 422, "brought_vectors_not_served"),
        ({"model": "lite.tiny", "dim": 4}, 422, "unexpected_field"),
        ({"model": "lite.tiny", "metric": "hamming"}, 422, "invalid"),
        ({"model": "lite.tiny", "colour": 1}, 422, "invalid"),
        ({}, 422, "invalid"),
    ],
)
def test_what_cannot_be_made_is_refused(
    client: FlaskClient, body: dict[str, object], status: int, code: str
) -> None:
    answer = client.put(URL, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert client.get(URL).status_code == 404


def test_a_name_that_is_not_allowed_is_refused(client: FlaskClient) -> None:
    answer = client.put("/v1/collections/My%20Pets", json={"model": "lite.tiny"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_name")


def test_the_list_comes_in_pages_by_name(client: FlaskClient) -> None:
    for name in ("c", "a", "b"):
        client.put(f"/v1/collections/{name}", json={"model": "lite.tiny"})

    first = client.get("/v1/collections?limit=2").get_json()
    second = client.get(f"/v1/collections?limit=2&cursor={first['next_cursor']}").get_json()

    assert [row["name"] for row in first["data"]] == ["a", "b"]
    assert [row["name"] for row in second["data"]] == ["c"]
    assert second["next_cursor"] is None


def test_an_unknown_collection_is_not_found_with_the_nearest(client: FlaskClient) -> None:
    client.put(URL, json={"model": "lite.tiny"})
    answer = client.get("/v1/collections/holiday")
    assert answer.status_code == 404
    assert answer.get_json()["nearest"] == ["holidays"]
    assert answer.get_json()["detail"] == ("no collection 'holiday'; did you mean 'holidays'?")


def test_a_deleted_collection_is_gone_with_its_items(client: FlaskClient, stock: Stock) -> None:
    stock.collection("holidays")
    stock.put("holidays", {"beach": random_vectors(1)[0]})
    assert client.get(URL).get_json()["items"] == 1

    deleted = client.delete(URL)

    assert (deleted.status_code, deleted.data) == (204, b"")
    assert client.get(URL).status_code == client.delete(URL).status_code == 404
    assert client.put(URL, json={"model": "lite.tiny"}).get_json()["items"] == 0
