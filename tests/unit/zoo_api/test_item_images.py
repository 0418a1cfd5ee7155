import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.serving import SMALL_JPEG
from tests.stock import Stock
from zoo_api.item_images import media_type

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


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"II*\0", "image/tiff"),
        (b"\0\0\0\x1cftypavif", "image/avif"),
        (b"<html>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_first_bytes_decide_the_media_type(head: bytes, expected: str) -> None:
    assert media_type(head) == expected
