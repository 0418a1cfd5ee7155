import io

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.serving import SMALL_JPEG, picture
from tests.stock import Stock, random_vectors
from zoo.catalog import datasets, jobs, shards

URL = "/v1/collections/holidays/items"


@pytest.fixture
def holidays(stock: Stock) -> Stock:
    stock.collection("holidays")
    vectors = random_vectors(3)
    stock.put("holidays", {"beach": vectors[0], "hotel": vectors[1], "sunset": vectors[2]})
    return stock


def test_files_are_taken_in_by_an_ingest_job(client: FlaskClient, holidays: Stock) -> None:
    files = [(io.BytesIO(picture(n)), f"{n}.jpg") for n in range(3)]
    answer = client.post(URL, data={"files": files})

    assert answer.status_code == 202
    job = answer.get_json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["type"] == "ingest"
    assert job["spec"]["collection"] == "holidays"
    collection = holidays.read("holidays")
    with holidays.catalog.read() as session:
        record = jobs.get_job(session, job["id"])
        kinds = shards.has_kind(session, job["id"], "embed")
    assert record is not None
    assert record.work == {
        "collection_id": collection.id,
        "model": collection.model,
        "space_id": collection.space_id,
        "dim": 4,
    }
    assert kinds


@pytest.mark.usefixtures("holidays")
def test_a_form_field_that_is_unknown_is_refused(client: FlaskClient) -> None:
    answer = client.post(URL, data={"files": (io.BytesIO(b"x"), "a.jpg"), "colour": "red"})
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == "colour: unknown field"


@pytest.mark.usefixtures("holidays")
def test_the_same_request_again_is_the_same_job(client: FlaskClient) -> None:
    def send(content: bytes) -> tuple[int, str]:
        answer = client.post(
            URL,
            data={"files": (io.BytesIO(content), "a.jpg")},
            headers={"Idempotency-Key": "once"},
        )
        body = answer.get_json()
        return answer.status_code, body.get("id") or body["code"]

    first = send(picture(1))
    assert first[0] == 202
    assert send(picture(1)) == first
    assert send(picture(2)) == (422, "idempotency_key_reused")


def test_files_for_an_unknown_collection_are_refused(client: FlaskClient) -> None:
    answer = client.post(URL, data={"files": (io.BytesIO(b"x"), "a.jpg")})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_collection")


@pytest.mark.usefixtures("holidays")
def test_items_come_in_pages_in_the_order_in_which_they_came(client: FlaskClient) -> None:
    first = client.get(f"{URL}?limit=2").get_json()
    second = client.get(f"{URL}?limit=2&cursor={first['next_cursor']}").get_json()

    assert [row["id"] for row in first["data"]] == ["beach", "hotel"]
    assert [row["id"] for row in second["data"]] == ["sunset"]
    assert second["next_cursor"] is None


@pytest.mark.usefixtures("holidays")
def test_an_item_is_shown_with_all_its_fields(client: FlaskClient) -> None:
    body = client.get(f"{URL}/beach").get_json()
    assert set(body) == {
        "id", "kind", "name", "label", "metadata", "sha256", "width", "height", "created_at"
    }  # fmt: skip
    assert (body["id"], body["name"], body["metadata"]) == ("beach", "beach.jpg", {})


@pytest.mark.usefixtures("holidays")
def test_an_unknown_item_is_not_found_with_the_nearest(client: FlaskClient) -> None:
    answer = client.get(f"{URL}/beech")
    assert answer.status_code == 404
    assert answer.get_json()["detail"] == "no item 'beech'; did you mean 'beach'?"


@pytest.mark.usefixtures("holidays")
def test_a_change_touches_only_what_it_names(client: FlaskClient) -> None:
    client.patch(f"{URL}/beach", json={"label": "sea", "metadata": {"year": 2024}})
    changed = client.patch(f"{URL}/beach", json={"name": "strand.jpg"})

    assert changed.status_code == 200
    body = client.get(f"{URL}/beach").get_json()
    assert changed.get_json() == body
    assert (body["name"], body["label"], body["metadata"]) == (
        "strand.jpg",
        "sea",
        {"year": 2024},
    )
    cleared = client.patch(f"{URL}/beach", json={"label": None}).get_json()
    assert (cleared["label"], cleared["name"]) == (None, "strand.jpg")


@pytest.mark.parametrize("body", [{"id": "b"}, {"name": None}, {"name": ""}, {"metadata": 1}])
@pytest.mark.usefixtures("holidays")
def test_a_change_that_cannot_be_is_refused(client: FlaskClient, body: dict[str, object]) -> None:
    before = client.get(f"{URL}/beach").get_json()
    assert client.patch(f"{URL}/beach", json=body).status_code == 422
    assert client.get(f"{URL}/beach").get_json() == before


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"name": "a\0b"}, "name: the text holds a NUL character"),
        ({"label": "\0"}, "label: the text holds a NUL character"),
        ({"metadata": {"a\0": 1}}, "metadata: the metadata holds a NUL character"),
        (
            {"metadata": {"a": "x" * 100_000}},
            "metadata: the metadata has 100009 bytes; at most 100000 are kept",
        ),
    ],
    ids=["name", "label", "key", "long"],
)
def test_nothing_is_said_of_an_item_that_a_manifest_may_not_say(
    client: FlaskClient, holidays: Stock, change: dict[str, object], detail: str
) -> None:
    with holidays.catalog.write() as session:
        datasets.create_dataset(session, "pets")
    text = {"text": "fine", "label": "good", **change}
    for answer, where in (
        (client.patch(f"{URL}/beach", json=change), ""),
        (client.patch("/v1/datasets/pets/items/any", json=change), ""),
        (client.post("/v1/datasets/pets/items", json={"items": [text]}), "items.0."),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
        assert answer.get_json()["detail"] == where + detail


@pytest.mark.usefixtures("holidays")
def test_a_backslash_is_no_nul(client: FlaskClient) -> None:
    metadata = {"path": r"C:\u0000"}
    assert client.patch(f"{URL}/beach", json={"metadata": metadata}).status_code == 200


def test_a_deleted_item_is_gone_from_lists_and_searches(
    client: FlaskClient, holidays: Stock
) -> None:
    revision = holidays.read("holidays").revision
    deleted = client.delete(f"{URL}/beach")

    assert (deleted.status_code, deleted.data) == (204, b"")
    assert client.get(f"{URL}/beach").status_code == 404
    assert client.delete(f"{URL}/beach").status_code == 404
    assert client.patch(f"{URL}/beach", json={"name": "x"}).status_code == 404
    assert [row["id"] for row in client.get(URL).get_json()["data"]] == ["hotel", "sunset"]
    assert holidays.read("holidays").revision == revision + 1
    hits = client.post("/v1/collections/holidays/search", json={"vector": [1, 1, 1, 1]})
    assert "beach" not in [hit["item_id"] for hit in hits.get_json()["hits"]]


@pytest.mark.usefixtures("holidays")
def test_metadata_that_json_cannot_answer_again_is_refused(client: FlaskClient) -> None:
    body = '{"metadata": {"depth": [1e999]}}'
    answer = client.patch(f"{URL}/beach", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert client.get(f"{URL}/beach").get_json()["metadata"] == {}


def test_taking_a_picture_in_takes_few_statements(client: FlaskClient, holidays: Stock) -> None:
    seen: list[str] = []
    event.listen(
        holidays.catalog.engine, "before_cursor_execute", lambda *given: seen.append(given[2])
    )
    headers = {"Content-Type": "image/jpeg", "Idempotency-Key": "k"}
    assert client.post(URL, data=SMALL_JPEG, headers=headers).status_code == 202
    writing = [one for one in seen if not one.startswith(("BEGIN", "SELECT"))]
    assert len(seen) <= 25  # keys and the queue's room among them, looked at now and then
    assert len(writing) <= 9
