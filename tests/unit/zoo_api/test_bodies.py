import io
from typing import BinaryIO, cast

import pytest
from flask.testing import FlaskClient
from gunicorn.http.errors import (  # type: ignore[import-untyped]  # it ships none
    InvalidChunkSize,
    NoMoreData,
)
from werkzeug.exceptions import BadRequest, ClientDisconnected

from zoo.settings import Settings
from zoo_api.bodies import CheckedBody


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _size: int = -1) -> bytes:
        raise self.error


def body(content: bytes, length: int | None) -> CheckedBody:
    return CheckedBody(io.BytesIO(content), length)


def test_a_whole_body_is_read_to_its_end() -> None:
    for length in (5, None):
        given = body(b"whole", length)
        assert [given.read(3), given.read(3), given.read(3)] == [b"who", b"le", b""]
        assert body(b"whole", length).read() == b"whole"


def test_a_body_that_ends_early_is_not_taken_for_whole() -> None:
    given = body(b"half", 8)
    assert given.read(9) == b"half"
    with pytest.raises(ClientDisconnected) as caught:
        given.read(9)
    assert caught.value.description == "the body ended 4 bytes early"
    with pytest.raises(ClientDisconnected):
        body(b"half", 8).read()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(InvalidChunkSize(b"zz"), BadRequest), (NoMoreData(), BadRequest), (OSError(), BadRequest)],
)
def test_what_breaks_a_body_is_the_senders_fault(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        CheckedBody(cast("BinaryIO", Broken(error)), None).read(9)


def test_half_an_archive_makes_no_job_and_leaves_no_file(
    client: FlaskClient, settings: Settings
) -> None:
    client.put("/v1/datasets/d", json={})
    answer = client.post(
        "/v1/datasets/d/items",
        input_stream=io.BytesIO(b"PK\x03\x04" + bytes(400)),
        content_type="application/zip",
        environ_overrides={"CONTENT_LENGTH": "9000", "wsgi.input_terminated": True},
    )
    assert answer.status_code == 400
    assert client.get("/v1/jobs").get_json()["data"] == []
    kept = [path for part in ("tmp", "blobs") for path in (settings.home / part).rglob("*")]
    assert [path for path in kept if path.is_file()] == []
