import hashlib

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.serving import SMALL_JPEG
from tests.stock import Stock

URL = "/v1/collections/holidays/items/beach/image"
PNG = b"\x89PNG\r\n\x1a\nthe rest"


@pytest.fixture
def holidays(stock: Stock) -> Stock:
    stock.collection("holidays")
    stock.put("holidays", {"beach": np.ones(4, np.float32)}, content=PNG)
    return stock


@pytest.mark.usefixtures("holidays")
def test_the_original_comes_back_byte_for_byte_as_a_download(client: FlaskClient) -> None:
    answer = client.get(URL)
    assert (answer.status_code, answer.data) == (200, PNG)
    assert answer.mimetype == "image/png"
    assert answer.headers["Content-Disposition"] == "attachment; filename=beach.jpg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("sea/a\r\nb\u2028.jpg", "a__b_.jpg"),
        ("..", hashlib.sha256(PNG).hexdigest()),
        ("/", hashlib.sha256(PNG).hexdigest()),
    ],
)
@pytest.mark.usefixtures("holidays")
def test_a_picture_of_any_name_can_be_had(client: FlaskClient, name: str, filename: str) -> None:
    assert client.patch(URL.removesuffix("/image"), json={"name": name}).status_code == 200
    answer = client.get(URL)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f"attachment; filename={filename}"


@pytest.mark.usefixtures("holidays")
def test_a_small_picture_is_shown_inline(client: FlaskClient) -> None:
    answer = client.get(f"{URL}?size=256")
    assert (answer.status_code, answer.data) == (200, SMALL_JPEG + b"256")
    assert answer.mimetype == "image/jpeg"
    assert not answer.headers.get("Content-Disposition", "inline").startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("holidays")
def test_a_picture_that_is_known_is_not_sent_again(client: FlaskClient) -> None:
    etag = client.get(URL).headers["ETag"]
    assert client.get(URL, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("query", ["size=0", "size=5000", "size=big", "width=3"])
@pytest.mark.usefixtures("holidays")
def test_a_size_that_cannot_be_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"{URL}?{query}").status_code == 422


def test_a_damaged_original_is_an_error_and_not_served(
    client: FlaskClient, holidays: Stock
) -> None:
    [key] = holidays.blobs.keys("packs/")
    holidays.blobs.put_bytes(key, PNG[:-1] + b"X")
    answer = client.get(URL)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "damaged_file")


def test_a_text_is_no_picture(client: FlaskClient, stock: Stock) -> None:
    stock.collection("notes")
    stock.put("notes", {"a": np.ones(4, np.float32)}, content=b"a note", is_text=True)
    for query in ("", "?size=16"):
        answer = client.get(f"/v1/collections/notes/items/a/image{query}")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "not_an_image")
    assert answer.get_json()["detail"] == "item 'a' is a text; read it at .../items/a/text"


def test_a_damaged_original_is_an_error_that_names_its_item(
    client: FlaskClient, holidays: Stock
) -> None:
    [key] = holidays.blobs.keys("packs/")
    holidays.blobs.local_path(key).write_bytes(PNG[::-1])

    answer = client.get(URL)

    assert (answer.status_code, answer.get_json()["code"]) == (500, "damaged_file")
    assert answer.get_json()["detail"].startswith("item 'beach': content ")
    assert answer.get_json()["detail"].endswith(f" is damaged in {key} at byte 0")
