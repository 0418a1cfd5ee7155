import io
import re

import pytest
from flask.testing import FlaskClient

from zoo_api import guards


@pytest.mark.parametrize("host", ["", "evil.example", "[::1", "127.0.0.1@evil.example", "a b"])
def test_a_host_that_is_not_this_machine_is_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code in (400, 403)


def test_the_sentence_names_the_host_and_what_would_be_right(client: FlaskClient) -> None:
    answer = client.get("/livez", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert answer.get_json()["detail"] == (
        "host 'evil.example' is not served here; use 127.0.0.1 or localhost"
    )


def test_a_refused_request_is_not_read_for_longer_than_its_caller_is_owed(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_reads = 0

    class Long(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal n_reads
            n_reads += 1
            return bytes(size or 0)

    monkeypatch.setattr(guards, "REST_S", 0.0)
    answer = client.post(
        "/v1/nothing",
        input_stream=Long(),
        environ_overrides={"CONTENT_LENGTH": "9000", "wsgi.input_terminated": True},
    )
    assert (answer.status_code, n_reads) == (404, 0)


def test_a_write_from_another_sites_page_is_refused_and_does_nothing(client: FlaskClient) -> None:
    answer = client.put("/v1/datasets/pets", json={}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.get_json()["detail"] == (
        "origin 'https://evil.example' may not use this service; only its own page may"
    )
    assert client.get("/v1/datasets/pets").status_code == 404


def test_each_request_without_an_id_gets_one_of_its_own(client: FlaskClient) -> None:
    ids = [client.get("/livez").headers["X-Request-Id"] for _ in range(2)]
    assert len(set(ids)) == 2
    for one in ids:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one)


def test_a_request_id_that_is_too_long_is_not_taken_over(client: FlaskClient) -> None:
    answer = client.get("/livez", headers={"X-Request-Id": "x" * 65})
    assert answer.headers["X-Request-Id"] != "x" * 65


def test_browsers_are_told_not_to_guess_at_types(client: FlaskClient) -> None:
    for path in ("/livez", "/v1/none"):
        assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"
