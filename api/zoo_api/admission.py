"""Who comes in: a request with a key of the right scope, or anybody while no key was made."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask import Response, after_this_request, current_app, request

from zoo.catalog.records import KeyRecord
from zoo.errors import InvalidError
from zoo.keys import includes
from zoo_api.cookies import COOKIE, session_key
from zoo_api.keyring import key_ring
from zoo_api.scopes import OPEN, SAFE_METHODS, scope_of
from zoo_api.services import services


def check_key() -> None:
    """401 without a key that works, 403 `scope_missing` with one that may not do this."""
    if request.endpoint in OPEN or not is_key_required():
        return
    key = _given_key()
    needed = scope_of(current_app, request.endpoint, request.method)
    if not includes(key.scope, needed):
        raise InvalidError(
            f"this needs a key with the scope {needed!r}; this one has {key.scope!r}",
            code="scope_missing",
        )
    structlog.contextvars.bind_contextvars(key_id=key.id)
    key_ring().note_use(key)
    after_this_request(_write_uses)


def is_key_required() -> bool:
    """Whether requests need a key: always where other machines can send them."""
    return not services().settings.is_loopback or key_ring().has_any()


def admission() -> Callable[[], bool]:
    """Says again and again whether this request's key still works, for answers that take long."""
    if not is_key_required():
        return lambda: True
    ring, key_id = key_ring(), _given_key().id
    return lambda: ring.get(key_id) is not None


def _given_key() -> KeyRecord:
    if "Authorization" in request.headers:
        return _bearer_key()
    if COOKIE in request.cookies:
        return _cookie_key()
    raise _key_required()


def _bearer_key() -> KeyRecord:
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise _key_required()
    key = key_ring().find(given.token)
    if key is None:
        raise invalid_key()
    return key


def _cookie_key() -> KeyRecord:
    key = session_key(request.cookies[COOKIE])
    if key is None:
        raise InvalidError("the session has ended; sign in again", code="session_ended")
    # A foreign one was refused before; without one this may be a page's doing all the same.
    if request.method not in SAFE_METHODS and "Origin" not in request.headers:
        raise InvalidError(
            f"a session may {request.method} only with the Origin header of this service's own "
            "page; programs send a key instead",
            code="foreign_origin",
        )
    return key


def invalid_key() -> InvalidError:
    """One sentence for wrong, unknown and revoked keys: a guess learns nothing from it."""
    return InvalidError("the API key is not valid here", code="invalid_key")


def _key_required() -> InvalidError:
    return InvalidError(
        "this service asks for an API key, sent as 'Authorization: Bearer KEY'",
        code="key_required",
    )


def _write_uses(response: Response) -> Response:
    response.call_on_close(key_ring().write_uses)  # bound here: it runs after the request's end
    return response
