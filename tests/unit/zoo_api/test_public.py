"""Who comes in beyond loopback, and by which names the service may be called."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from tests.keyed import MakeKey, bearer
from zoo_api.app import create_app


@pytest.fixture
def public(client: FlaskClient) -> Callable[..., FlaskClient]:
    parts = client.application.extensions["zoo"]

    def served(**changed: str) -> FlaskClient:
        settings = replace(parts.settings, **changed)
        return create_app(settings, services=replace(parts, settings=settings)).test_client()

    return served


def test_beyond_loopback_a_key_is_asked_for_even_if_none_exists(
    public: Callable[..., FlaskClient],
) -> None:
    assert public(host="0.0.0.0").get("/v1/models").get_json()["code"] == "key_required"


def test_beyond_loopback_any_host_will_do_as_a_key_is_needed(
    public: Callable[..., FlaskClient], make: MakeKey
) -> None:
    headers = {**bearer(make()), "Host": "zoo.example.org"}
    assert public(host="0.0.0.0").get("/v1/models", headers=headers).status_code == 200


def test_allowed_hosts_are_served_and_no_others(
    public: Callable[..., FlaskClient], make: MakeKey
) -> None:
    key = make()
    for host in ("0.0.0.0", "127.0.0.1"):
        client = public(host=host, allowed_hosts="Zoo.example.org, zoo.lan")
        for name, status in (("zoo.EXAMPLE.org:80", 200), ("zoo.lan", 200), ("localhost", 200),
                             ("evil.example", 403)):  # fmt: skip
            answer = client.get("/v1/models", headers={**bearer(key), "Host": name})
            assert answer.status_code == status, (host, name)


def test_on_loopback_a_foreign_host_is_refused_with_a_key_too(
    client: FlaskClient, make: MakeKey
) -> None:
    answer = client.get("/v1/models", headers={**bearer(make()), "Host": "evil.example"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "foreign_host")
