import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.stock import Stock

URL = "/v1/collections/notes/items/a/text"
TEXT = "\ufeffÜber <b>cats</b>\n"


@pytest.fixture
def notes(stock: Stock) -> Stock:
    stock.collection("notes")
    stock.put("notes", {"a": np.ones(4, np.float32)}, content=TEXT.encode(), is_text=True)
    return stock


@pytest.mark.usefixtures("notes")
def test_a_text_comes_back_as_it_came_and_as_nothing_but_text(client: FlaskClient) -> None:
    answer = client.get(URL)
    assert (answer.status_code, answer.data.decode()) == (200, TEXT)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(URL, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.usefixtures("notes")
def test_an_item_says_what_it_is(client: FlaskClient) -> None:
    item = client.get("/v1/collections/notes/items/a").get_json()
    assert (item["kind"], item["width"], item["height"]) == ("text", None, None)


def test_a_picture_is_no_text(client: FlaskClient, notes: Stock) -> None:
    notes.put("notes", {"b": np.zeros(4, np.float32)}, content=b"\x89PNG")
    answer = client.get("/v1/collections/notes/items/b/text")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "not_text")
    assert answer.get_json()["detail"] == "item 'b' is a picture; see it at .../items/b/image"
    assert client.get("/v1/collections/notes/items/b").get_json()["kind"] == "image"
