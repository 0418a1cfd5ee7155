"""Who comes in: every route, with no key, a wrong one, a revoked one and each scope."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai import AuthenticationError, OpenAI
from werkzeug.test import TestResponse

from tests.keyed import MakeKey, bearer
from tests.serving import data_uri, picture
from zoo.catalog import Catalog
from zoo.catalog import keys as catalog_keys
from zoo.keys import SCOPES, includes
from zoo_api import cookies, events
from zoo_api.app import create_app

OPEN = {
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/docs/<asset>"),
    ("GET", "/openapi.json"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("POST", "/v1/session"),
    ("DELETE", "/v1/session"),
}
"""All that is served without a key; a route that joins them is decided upon here."""
ASKED_AT_ONCE = {
    "/v1/embeddings",
    "/v1/features",
    "/v1/classify",
    "/v1/collections/<name>/search",
}
OWN = "http://localhost"  # what the test client says it asks
WRONG = f"zoo_{'0' * 16}_{'0' * 64}"


@dataclass(frozen=True, kw_only=True)
class Route:
    method: str
    rule: str
    path: str

    @property
    def scope(self) -> str:
        """What the documents say that it needs."""
        if self.rule.startswith("/v1/keys"):
            return "admin"
        is_question = self.method in ("GET", "HEAD", "OPTIONS") or self.rule in ASKED_AT_ONCE
        return "read" if is_question else "submit"


def routes_of(app: Flask) -> list[Route]:
    adapter = app.url_map.bind("localhost")
    return [
        Route(
            method=method,
            rule=rule.rule,
            path=adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, 1), method=method),
        )
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


@pytest.fixture
def guarded(client: FlaskClient) -> list[Route]:
    open_paths = {(method, path) for method, path in OPEN} | {
        (method, path) for _, path in OPEN for method in ("HEAD", "OPTIONS")
    }
    found = [r for r in routes_of(client.application) if (r.method, r.rule) not in open_paths]
    assert len(found) > 80
    return found


def sign_in(client: FlaskClient, key: str, **more: Any) -> TestResponse:
    return client.post("/v1/session", json={"key": key}, **more)


def refusal(answer: TestResponse) -> tuple[int, dict[str, Any], str | None]:
    """Everything of a refusal but the name of its request."""
    problem = {k: v for k, v in answer.get_json().items() if k != "request_id"}
    return answer.status_code, problem, answer.headers.get("WWW-Authenticate")


def test_while_no_key_exists_nothing_is_asked(client: FlaskClient) -> None:
    assert client.get("/v1/models").status_code == 200
    assert client.get("/v1/models", headers=bearer("anything")).status_code == 200


def test_without_a_key_every_route_but_the_open_ones_is_refused(
    client: FlaskClient, guarded: list[Route], make: MakeKey
) -> None:
    make()
    for route in guarded:
        answer = client.open(route.path, method=route.method)

        assert answer.status_code == 401, route
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="featurezoo"', route
        if route.method != "HEAD":
            assert answer.get_json()["code"] == "key_required", route


def test_wrong_unknown_and_revoked_keys_are_refused_everywhere_and_alike(
    client: FlaskClient, guarded: list[Route], make: MakeKey
) -> None:
    working = make()
    not_keys = [working[:-1] + ("1" if working[-1] == "0" else "0"), WRONG, "x",
                make("admin", is_revoked=True)]  # fmt: skip
    for route in guarded:
        if route.method == "HEAD":
            continue
        answers = [
            refusal(client.open(route.path, method=route.method, headers=bearer(key)))
            for key in not_keys
        ]
        status, problem, challenge = answers[0]

        assert (status, problem["code"]) == (401, "invalid_key"), route
        assert challenge == 'Bearer realm="featurezoo", error="invalid_token"'
        assert answers == [answers[0]] * len(not_keys), route


@pytest.mark.parametrize("held", SCOPES)
def test_a_key_opens_exactly_what_its_scope_includes(
    client: FlaskClient, guarded: list[Route], make: MakeKey, held: str
) -> None:
    headers = bearer(make(held))
    for route in guarded:
        with client.open(route.path, method=route.method, headers=headers) as answer:
            if includes(held, route.scope):
                assert answer.status_code not in (401, 403), (route, answer.get_data())
                continue
            assert answer.status_code == 403, route
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
            if route.method != "HEAD":
                assert answer.get_json()["code"] == "scope_missing"
                assert answer.get_json()["detail"] == (
                    f"this needs a key with the scope {route.scope!r}; this one has {held!r}"
                )


def test_the_open_routes_never_ask(client: FlaskClient, make: MakeKey) -> None:
    make()
    for method, path in OPEN - {("POST", "/v1/session")}:
        address = path.replace("<asset>", "start.js")
        answer = client.open(address, method=method, headers=bearer(WRONG))
        assert answer.status_code in (200, 204), path
    assert sign_in(client, WRONG).get_json()["code"] == "invalid_key"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_address_that_does_not_exist_is_not_told_to_strangers(
    client: FlaskClient, make: MakeKey, method: str
) -> None:
    key = make("submit")

    assert client.open("/v1/nothing", method=method).status_code == 401
    assert client.open("/v1/nothing", method=method, headers=bearer(key)).status_code == 404


@pytest.mark.parametrize("given", ["Basic dXNlcjpwdw==", "Bearer", "Bearer ", "zoo", ""])
def test_another_way_to_say_who_one_is_does_not_count(
    client: FlaskClient, make: MakeKey, given: str
) -> None:
    make()
    answer = client.get("/v1/models", headers={"Authorization": given})
    assert refusal(answer)[1]["code"] in ("key_required", "invalid_key")
    assert answer.status_code == 401


def test_revoking_the_last_key_locks_and_does_not_open(client: FlaskClient, make: MakeKey) -> None:
    make(is_revoked=True)
    assert client.get("/v1/models").status_code == 401


def test_a_use_is_noted_after_the_answer(
    client: FlaskClient, make: MakeKey, catalog: Catalog
) -> None:
    client.get("/v1/models", headers=bearer(make())).close()
    with catalog.read() as session:
        [key] = catalog_keys.list_keys(session)
    assert key.last_used_at is not None


def test_openais_client_comes_in_with_its_api_key(client: FlaskClient, make: MakeKey) -> None:
    transport = httpx.WSGITransport(app=client.application)
    key = make()

    def embed(api_key: str) -> list[float]:
        http = httpx.Client(transport=transport)
        with OpenAI(api_key=api_key, base_url=f"{OWN}/v1", http_client=http) as openai:
            given = data_uri(picture(1, 2, 3, 4))
            return openai.embeddings.create(model="lite.tiny", input=given).data[0].embedding

    assert embed(key) == [1, 2, 3, 4]
    with pytest.raises(AuthenticationError, match="the API key is not valid here"):
        embed(WRONG)


# Browsers


def test_a_browser_signs_in_with_a_key_and_out(client: FlaskClient, make: MakeKey) -> None:
    answer = sign_in(client, make("submit"))
    given = answer.headers["Set-Cookie"]

    assert answer.status_code == 200
    assert answer.get_json().keys() == {"name", "scope", "expires_at"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "SameSite=Strict" in given
    assert "HttpOnly" in given
    assert "Secure" not in given
    assert client.get("/v1/models").status_code == 200
    assert client.delete("/v1/session").status_code == 204
    assert client.get("/v1/models").get_json()["code"] == "key_required"


def test_over_https_the_cookie_is_for_https_only(client: FlaskClient, make: MakeKey) -> None:
    answer = sign_in(client, make(), base_url="https://localhost")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_with_a_cookie_a_change_needs_our_own_page_s_origin(
    client: FlaskClient, make: MakeKey
) -> None:
    sign_in(client, make("submit"))

    def create(**headers: str) -> TestResponse:
        return client.put("/v1/datasets/d", json={}, headers=headers)

    assert create().get_json()["code"] == "foreign_origin"
    assert create(Origin="null").status_code == 403
    assert create(Origin="http://localhost:3000").status_code == 403
    assert create(Origin=OWN).status_code == 201


def test_a_cookie_may_do_what_its_key_may(client: FlaskClient, make: MakeKey) -> None:
    sign_in(client, make("read"))
    answer = client.put("/v1/datasets/d", json={}, headers={"Origin": OWN})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")


def test_a_header_goes_before_a_cookie(client: FlaskClient, make: MakeKey) -> None:
    sign_in(client, make("admin"))
    assert client.get("/v1/models", headers=bearer(WRONG)).get_json()["code"] == "invalid_key"


def test_a_session_ends_with_its_time(
    client: FlaskClient, make: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cookies, "SESSION_S", 0)
    answer = sign_in(client, make())
    value = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    client.set_cookie(cookies.COOKIE, value)
    assert client.get("/v1/models").get_json()["code"] == "session_ended"


def test_a_session_ends_with_its_key(client: FlaskClient, make: MakeKey, catalog: Catalog) -> None:
    text = make()
    sign_in(client, text)
    with catalog.write() as session:
        catalog_keys.revoke_key(session, text.split("_")[1])
    client.application.extensions["zoo_keys"].forget()
    assert client.get("/v1/models").get_json()["code"] == "session_ended"


def test_a_made_up_cookie_is_no_session(client: FlaskClient, make: MakeKey) -> None:
    text = make()
    for value in ("x", f"{text.split('_')[1]}.99999999999.{'0' * 64}", text):
        client.set_cookie(cookies.COOKIE, value)
        assert client.get("/v1/models").get_json()["code"] == "session_ended"


def test_what_sessions_are_signed_with_is_closed_to_others_and_outlives_a_restart(
    client: FlaskClient, make: MakeKey
) -> None:
    sign_in(client, make())
    parts = client.application.extensions["zoo"]
    secret = parts.settings.home / "run" / "session.key"

    assert secret.stat().st_mode & 0o077 == 0
    assert len(secret.read_bytes()) == 32
    assert [path.name for path in secret.parent.iterdir()] == ["session.key"]
    again = create_app(parts.settings, services=parts).test_client()
    held = client.get_cookie(cookies.COOKIE)
    assert held is not None
    again.set_cookie(cookies.COOKIE, held.value)
    assert again.get("/v1/models").status_code == 200


# Keys over HTTP


def test_keys_are_made_listed_and_revoked_by_an_admin(client: FlaskClient, make: MakeKey) -> None:
    headers = bearer(make("admin"))

    made = client.post("/v1/keys", json={"name": "ci", "scope": "read"}, headers=headers)
    text = made.get_json()["key"]
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert client.get("/v1/models", headers=bearer(text)).status_code == 200

    listed = client.get("/v1/keys?limit=1", headers=headers).get_json()
    [row] = client.get(f"/v1/keys?cursor={listed['next_cursor']}", headers=headers).get_json()[
        "data"
    ]
    assert row == {k: v for k, v in made.get_json().items() if k != "key"} | {
        "last_used_at": row["last_used_at"]
    }

    for _ in range(2):
        gone = client.delete(f"/v1/keys/{row['id']}", headers=headers)
        assert gone.status_code == 204
    assert client.get("/v1/models", headers=bearer(text)).status_code == 401
    rows = client.get("/v1/keys", headers=headers).get_json()["data"]
    assert [bool(row["revoked_at"]) for row in rows] == [False, True]


def test_no_answer_but_the_first_has_a_key_s_text_or_digest(
    client: FlaskClient, make: MakeKey, catalog: Catalog
) -> None:
    text = make("admin")
    with catalog.read() as session:
        [key] = catalog_keys.list_keys(session)
    listed = client.get("/v1/keys", headers=bearer(text)).get_data(as_text=True)
    assert text.rpartition("_")[2] not in listed
    assert key.digest not in listed


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "", "scope": "read"}, "invalid_name"),
        ({"name": "x", "scope": "root"}, "unknown_scope"),
        ({"name": "x"}, "invalid"),
        ({"name": "x", "scope": "read", "key": "mine"}, "invalid"),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    client: FlaskClient, body: dict[str, str], code: str
) -> None:
    answer = client.post("/v1/keys", json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)


def test_an_unknown_key_is_404(client: FlaskClient) -> None:
    assert client.delete("/v1/keys/none").get_json()["code"] == "unknown_key"


# Streams


def test_a_stream_ends_with_its_key(
    client: FlaskClient, make: MakeKey, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "POLL_S", 0.01)
    key = make("submit")
    text = bearer(key)
    client.put("/v1/datasets/d", json={}, headers=text)
    sent = client.post(
        "/v1/datasets/d/items?label=a&name=x",
        data=picture(1, 2, 3, 4),
        content_type="application/octet-stream",
        headers=text,
    )
    job_id = sent.get_json()["id"]
    with client.get(f"/v1/jobs/{job_id}/events", headers=text) as stream:
        told = iter(stream.response)
        assert b"event" in next(told)
        with catalog.write() as session:
            catalog_keys.revoke_key(session, key.split("_")[1])
        client.application.extensions["zoo_keys"].forget()
        assert b"".join(told) == b""  # type: ignore[arg-type]
