import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.serving import tiny_stock
from tests.stock import Stock
from zoo.errors import UnavailableError
from zoo.settings import Settings


@pytest.fixture(autouse=True)
def targets(client: FlaskClient, stock: Stock) -> None:
    tiny_stock(stock).collection("c")
    client.put("/v1/datasets/d", json={})


def send(client: FlaskClient, url: str, **headers: str) -> TestResponse:
    files = [(io.BytesIO(b"a picture"), "a.png"), (io.BytesIO(b"PK\x03\x04zip"), "b.zip")]
    return client.post(url, data={"files": files}, headers=headers)


def files(settings: Settings) -> list[Path]:
    kept = [path for part in ("tmp", "blobs") for path in (settings.home / part).rglob("*")]
    return [path for path in kept if path.is_file()]


def test_files_that_a_job_owns_stay(client: FlaskClient, settings: Settings) -> None:
    assert send(client, "/v1/collections/c/items").status_code == 202
    assert sorted(path.parent.name for path in files(settings)) == ["archives", "packs"]


def test_files_of_a_request_that_is_repeated_with_its_key_are_not_kept_twice(
    client: FlaskClient, settings: Settings
) -> None:
    for _ in range(3):
        assert send(client, "/v1/datasets/d/items", **{"Idempotency-Key": "k"}).status_code == 202
    assert len(files(settings)) == 2


def test_files_of_a_request_that_is_refused_afterwards_are_removed(
    client: FlaskClient, settings: Settings
) -> None:
    assert send(client, "/v1/collections/c/items?colour=red").status_code == 422
    assert (
        send(client, "/v1/datasets/d/items", **{"Idempotency-Key": "k" * 300}).status_code == 422
    )
    assert files(settings) == []


@pytest.mark.parametrize("error", [UnavailableError("the store is away"), OSError("read-only")])
def test_a_refusal_stays_one_though_the_store_is_away(
    client: FlaskClient, stock: Stock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_store: object, _key: str) -> None:
        raise error

    monkeypatch.setattr(type(stock.blobs), "delete", fail)
    answer = send(client, "/v1/collections/c/items?colour=red")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
