"""Signing in and out, for browsers: a cookie that stands for a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from flask import Blueprint, Response, jsonify

from zoo_api.admission import invalid_key
from zoo_api.cookies import end_session, give_session, start_session
from zoo_api.job_views import instant
from zoo_api.keyring import key_ring
from zoo_api.reading import read_json

sessions = Blueprint("sessions", __name__)


@dataclass(frozen=True, kw_only=True)
class SessionRequest:
    """The key to sign in with."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    key: str


@sessions.post("/v1/session")
def sign_in() -> Response:
    """A session of a key for 12 hours; 401 `invalid_key`."""
    key = key_ring().find(read_json(SessionRequest).key)
    if key is None:
        raise invalid_key()
    session = start_session(key)
    response = jsonify(name=key.name, scope=key.scope, expires_at=instant(session.expires_at))
    give_session(response, session)
    response.headers["Cache-Control"] = "no-store"
    return response


@sessions.delete("/v1/session")
def sign_out() -> Response:
    """Take the browser's cookie away, whether its session still goes on or not."""
    response = Response(status=204)
    end_session(response)
    return response
