"""How often a caller may ask: as often as the operator says, each caller by itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.keyed import MakeKey, bearer
from zoo.errors import StartError
from zoo.settings import Settings, load_settings
from zoo.supervisor.preflight import check_rate_limit


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path, rate_limit="3/hour")


def statuses(client: FlaskClient, n: int, **asked: object) -> list[int]:
    return [client.get("/v1/models", **asked).status_code for _ in range(n)]  # type: ignore[arg-type]  # of the client's own


def test_a_caller_that_asks_too_often_is_told_when_to_come_again(client: FlaskClient) -> None:
    assert statuses(client, 3) == [200] * 3
    refused = client.get("/v1/models")
    assert refused.status_code == 429
    assert refused.get_json()["code"] == "rate_limited"
    assert refused.get_json()["detail"] == (
        "this caller has asked more than 3 per 1 hour; ask less often"
    )
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600


def test_each_address_and_each_key_is_counted_by_itself(
    client: FlaskClient, make: MakeKey
) -> None:
    first, second = make(), make()
    assert statuses(client, 4, headers=bearer(first)) == [200, 200, 200, 429]
    assert statuses(client, 1, headers=bearer(second)) == [200]
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert statuses(client, 1, headers=bearer(first), environ_base=elsewhere) == [200]


def test_guessing_a_key_is_limited_and_uses_up_nobody_else_s_share(
    client: FlaskClient, make: MakeKey
) -> None:
    key = make()
    guess = key[:-1] + ("1" if key[-1] == "0" else "0")
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    guesses = statuses(client, 5, headers=bearer(guess), environ_base=elsewhere)
    assert guesses == [401, 401, 401, 429, 429]
    assert statuses(client, 1, headers=bearer(key)) == [200]


def test_keys_that_were_never_made_are_one_caller(client: FlaskClient, make: MakeKey) -> None:
    make()
    made_up = [f"zoo_{n:016x}_{'0' * 64}" for n in range(4)]
    found = [statuses(client, 1, headers=bearer(one))[0] for one in made_up]
    assert found == [401, 401, 401, 429]


def test_who_watches_the_service_is_never_refused(client: FlaskClient) -> None:
    assert {client.get("/livez").status_code for _ in range(9)} == {200}


def test_a_limit_that_says_no_rate_stops_the_start(settings: Settings) -> None:
    with pytest.raises(StartError) as caught:
        check_rate_limit(replace(settings, rate_limit="often"))
    assert caught.value.detail == (
        "ZOO_RATE_LIMIT is 'often'; it should be a number and a time, as 600/minute"
    )
