import time

import pytest
from flask.testing import FlaskClient

from zoo_api.paging import encode_cursor

NESTED = "W1tb" * 700  # base64 of very many opening brackets
PATHS = [
    "/v1/datasets/d/versions/99999999999999999999",
    "/v1/models/pets/versions/" + "9" * 6000,
    "/v1/datasets/d/versions/-1",
    "/v1/models/%00",
    "/v1/models/%ff%fe",
    "/v1/jobs/%00",
    "/v1/collections/%F0%9F%98%80",
    f"/v1/jobs?cursor={NESTED}",
    "/v1/jobs?limit=99999999999999999999",
    "/v1/jobs/x/items?cursor=" + encode_cursor("9" * 40),
    "/v1/datasets?cursor=InVkODAwIg",
    "/v1/models/" + "a" * 100_000,
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_address_is_a_fault_of_ours(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method, json={})
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"fine_tune","spec":{"dataset":"\\ud800","model":"a","name":"n"}}',
        b'{"type":"fine_tune","spec":{"dataset":"d","model":"a","name":"n","l2":1e999}}',
        b'{"type":"fine_tune","spec":{"dataset":"d","model":"a","name":"n","seed":%s}}'
        % (b"9" * 5000),
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff\xfe",
        b"",
        b"null",
    ],
    ids=range(8),
)
def test_no_body_is_a_fault_of_ours(client: FlaskClient, body: bytes) -> None:
    for method, url in (
        ("POST", "/v1/jobs"),
        ("PUT", "/v1/datasets/d"),
        ("PUT", "/v1/models/m/aliases/a"),
    ):
        answer = client.open(url, method=method, data=body, content_type="application/json")
        assert answer.status_code in (400, 422)


def form(n: int) -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="files"; filename="%d"\r\n\r\n%d\r\n'
    return b"".join(head % (i, i) for i in range(n)) + b"--B--\r\n"


def test_ten_thousand_files_are_taken_quickly_and_one_more_is_refused(client: FlaskClient) -> None:
    client.put("/v1/datasets/d", json={})
    url, kind = "/v1/datasets/d/items?label=x", "multipart/form-data; boundary=B"
    begun = time.monotonic()
    assert client.post(url, data=form(10_000), content_type=kind).status_code == 202
    assert time.monotonic() - begun < 20  # 1.7 s on an idle core
    refused = client.post(url, data=form(10_001), content_type=kind)
    assert refused.status_code == 413
    assert refused.get_json()["detail"] == (
        "a request has at most 10000 parts; send archives, or several requests"
    )
