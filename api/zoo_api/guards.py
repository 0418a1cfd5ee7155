"""What is asked of every request: whose page it comes from, its key, and a name for the log."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from zoo.errors import InvalidError
from zoo.names import new_id
from zoo_api import admission, rates
from zoo_api.services import services

CHUNK_BYTES = 1 << 14
REST_S = 30.0
"""How long a refused request may go on before its caller is left to find out."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def register(app: Flask, *, rate_limit: str) -> None:
    """Guard every route of an application, asked at most as often as `rate_limit` says."""
    app.before_request(name_request)
    app.before_request(check_host)
    app.before_request(check_origin)
    rates.register(app, rate_limit)
    app.before_request(admission.check_key)
    app.after_request(answer_name)
    app.after_request(read_to_end)


def name_request() -> None:
    """Take the caller's request id, or make one, and bind it to the log."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else new_id("req")
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def check_host() -> None:
    """Refuse a name that is not ours: a page elsewhere may have it point to this machine.

    Beyond loopback a key is asked for, which such a page does not have: there any name will do
    unless `ZOO_ALLOWED_HOSTS` says which.
    """
    settings = services().settings
    allowed = settings.allowed_host_names
    if not settings.is_loopback and not allowed:
        return
    name = _host_name(request.host)
    if name not in LOOPBACK and name not in allowed and name != settings.host.lower():
        raise InvalidError(
            f"host {request.host!r} is not served here; use 127.0.0.1 or localhost",
            code="foreign_host",
        )


def check_origin() -> None:
    """Refuse requests that another site's page makes a browser send."""
    origin = request.headers.get("Origin")
    if origin is None or origin == f"{request.scheme}://{request.host}":
        return
    raise InvalidError(
        f"origin {origin!r} may not use this service; only its own page may", code="foreign_origin"
    )


def answer_name(response: Response) -> Response:
    """Tell the caller the request's name, and browsers not to guess at types."""
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def read_to_end(response: Response) -> Response:
    """Take in what a refused request still sends: only then does its caller read the answer."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        left, deadline = services().settings.max_request_bytes, time.monotonic() + REST_S
        with suppress(HTTPException):
            while left > 0 and time.monotonic() < deadline:
                if not (chunk := request.stream.read(CHUNK_BYTES)):
                    break
                left -= len(chunk)
    return response


@lru_cache(maxsize=64)
def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or "" if "@" not in host else ""
    except ValueError:
        return ""
