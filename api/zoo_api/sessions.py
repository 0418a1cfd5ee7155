"""Signing in and out, for browsers: a cookie that stands for a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Response, jsonify
from typing_extensions import TypedDict

from zoo_api.admission import invalid_key
from zoo_api.contract import Answer, Json, contract
from zoo_api.cookies import end_session, give_session, start_session
from zoo_api.job_views import Instant, instant
from zoo_api.keyring import key_ring
from zoo_api.reading import Closed
from zoo_api.scopes import Scope

sessions = Blueprint("sessions", __name__)


@dataclass(frozen=True, kw_only=True)
class SessionRequest(Closed):
    """The key to sign in with."""

    key: str


class Session(TypedDict):
    """What a browser is signed in as."""

    name: str
    scope: Scope
    expires_at: Instant


@sessions.post("/v1/session")
@contract(Answer(kind=Session, headers=("Set-Cookie",)), codes={401: ("invalid_key",)})
def sign_in(asked: Json[SessionRequest]) -> Response:
    """A session of a key for 12 hours."""
    key = key_ring().find(asked.key)
    if key is None:
        raise invalid_key()
    session = start_session(key)
    answer: Session = {
        "name": key.name,
        "scope": cast("Scope", key.scope),
        "expires_at": instant(session.expires_at),
    }
    response = jsonify(answer)
    give_session(response, session)
    response.headers["Cache-Control"] = "no-store"
    return response


@sessions.delete("/v1/session")
@contract(Answer(status=204, headers=("Set-Cookie",)))
def sign_out() -> Response:
    """Take the browser's cookie away, whether its session still goes on or not."""
    response = Response(status=204)
    end_session(response)
    return response
