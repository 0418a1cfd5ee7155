import io

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.serving import data_uri, picture, tiny_stock
from tests.stock import Stock

URL = "/v1/collections/holidays/search"
NAMES = ("beach", "hotel", "sunset")


@pytest.fixture
def holidays(stock: Stock) -> Stock:
    stock = tiny_stock(stock)
    stock.collection("holidays", model="lite.tiny.in1k")
    stock.put("holidays", dict(zip(NAMES, np.eye(4, dtype=np.float32), strict=False)))
    return stock


def ids(body: dict[str, list[dict[str, object]]]) -> list[object]:
    return [hit["item_id"] for hit in body["hits"]]


def test_a_picture_finds_its_nearest_items(client: FlaskClient, holidays: Stock) -> None:
    answer = client.post(URL, json={"image": data_uri(picture(2, 1, 0, 0)), "k": 2})

    assert answer.status_code == 200
    body = answer.get_json()
    assert body["hits"] == [
        {
            "item_id": "beach",
            "kind": "image",
            "score": pytest.approx(2 / 5**0.5),
            "metadata": {},
            "name": "beach.jpg",
            "label": None,
        },
        {
            "item_id": "hotel",
            "kind": "image",
            "score": pytest.approx(1 / 5**0.5),
            "metadata": {},
            "name": "hotel.jpg",
            "label": None,
        },
    ]
    assert body["model"] == "lite.tiny.in1k"
    assert body["space_id"] == holidays.space_id
    assert body["index"] == {"kind": "flat", "exact": True}
    assert body["took_ms"] > 0


@pytest.mark.usefixtures("holidays")
def test_a_picture_may_come_as_a_form_part_or_a_bare_body(client: FlaskClient) -> None:
    part = (io.BytesIO(picture(0, 1, 0, 0)), "q", "application/octet-stream")
    form = client.post(URL, data={"image": part, "k": "1"})
    bare = client.post(f"{URL}?k=1", data=picture(0, 0, 1, 0), content_type="image/png")
    assert ids(form.get_json()) == ["hotel"]
    assert ids(bare.get_json()) == ["sunset"]


@pytest.mark.usefixtures("holidays")
def test_an_item_finds_itself_first(client: FlaskClient) -> None:
    body = client.post(URL, json={"item_id": "sunset"}).get_json()
    assert ids(body) == ["sunset", "beach", "hotel"]
    assert body["hits"][0]["score"] == 1


def test_an_item_finds_itself_before_its_copies(client: FlaskClient, holidays: Stock) -> None:
    same = np.array([0, 0, 0, 1], np.float32)
    holidays.put("holidays", dict.fromkeys(("first", "second", "third"), same))

    assert ids(client.post(URL, json={"item_id": "third", "k": 1}).get_json()) == ["third"]
    assert ids(client.post(URL, json={"item_id": "second", "k": 3}).get_json()) == [
        "second",
        "first",
        "third",
    ]


def test_a_vector_of_this_space_is_searched_for(client: FlaskClient, holidays: Stock) -> None:
    query = {"vector": [0, 1, 0.5, 0], "space_id": holidays.space_id, "min_score": 0.1}
    assert ids(client.post(URL, json=query).get_json()) == ["hotel", "sunset"]


@pytest.mark.usefixtures("holidays")
def test_a_vector_of_another_space_is_never_compared(client: FlaskClient) -> None:
    answer = client.post(URL, json={"vector": [1, 0, 0, 0], "space_id": "f" * 64})
    assert answer.status_code == 409
    assert answer.get_json()["code"] == "incompatible_space"


def test_a_collection_whose_backbone_moved_to_another_space_is_not_searched(
    client: FlaskClient, stock: Stock
) -> None:
    stock.collection("holidays", model="lite.tiny.in1k")
    answer = client.post(URL, json={"image": data_uri(picture(1, 0, 0, 0))})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "incompatible_space")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"vector": [1, 2]}', "wrong_dimension"),
        ('{"vector": []}', "wrong_dimension"),
        ('{"vector": [NaN, 0, 0, 0]}', "not_finite"),
        ('{"vector": [1e39, 0, 0, 0]}', "not_finite"),
        ('{"vector": [0, 0, 0, 0]}', "zero_vector"),
        ('{"k": 3}', "one_query_needed"),
        ('{"vector": [1, 0, 0, 0], "item_id": "beach"}', "one_query_needed"),
        ('{"image": "a beach"}', "text_not_supported"),
        ('{"image": "data:image/png;base64,AAAA"}', "not_an_image"),
    ],
)
@pytest.mark.usefixtures("holidays")
def test_a_query_that_cannot_be_answered_is_refused(
    client: FlaskClient, body: str, code: str
) -> None:
    answer = client.post(URL, data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.usefixtures("holidays")
def test_a_bound_beside_a_picture_that_is_no_number_is_refused(
    client: FlaskClient, number: str
) -> None:
    answer = client.post(f"{URL}?min_score={number}", data=b"x", content_type="image/png")
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (422, "not_finite")
    assert problem["detail"] == "min_score: Input should be a finite number"


@pytest.mark.parametrize(
    "extra",
    [
        {"k": 0},
        {"k": 1001},
        {"positive": ["beach"]},
        {"filter": {"field": "year", "op": "eq", "value": 1}},
    ],
)
@pytest.mark.usefixtures("holidays")
def test_what_is_not_served_is_refused_and_named(
    client: FlaskClient, extra: dict[str, object]
) -> None:
    answer = client.post(URL, json={"vector": [1, 0, 0, 0], **extra})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == list(extra)


@pytest.mark.usefixtures("holidays")
def test_what_does_not_exist_is_not_found(client: FlaskClient) -> None:
    item = client.post(URL, json={"item_id": "beech"})
    assert (item.status_code, item.get_json()["nearest"]) == (404, ["beach"])
    other = client.post("/v1/collections/holiday/search", json={"item_id": "beach"})
    assert (other.status_code, other.get_json()["nearest"]) == (404, ["holidays"])


@pytest.mark.usefixtures("holidays")
def test_several_pictures_are_too_many(client: FlaskClient) -> None:
    parts = [(io.BytesIO(picture(1, 0, 0, 0)), "a"), (io.BytesIO(picture(1, 0, 0, 0)), "b")]
    answer = client.post(URL, data={"files": parts})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "too_many_images")
