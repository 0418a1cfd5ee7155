"""The session cookie of a browser: which key it stands for, until when, and who signed it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Response, request

from zoo.catalog.records import KeyRecord
from zoo.keys import is_signed, read_session, sign_session
from zoo.settings import Settings
from zoo_api.keyring import key_ring
from zoo_api.services import services

COOKIE = "zoo_session"
SESSION_S = 12 * 3600
SECRET_FILE = "session.key"  # noqa: S105  # its name, not what is in it
SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Started:
    """A session as it begins: its cookie's value, and when it ends."""

    value: str
    expires_at: datetime


def start_session(key: KeyRecord) -> Started:
    """A session of a key, from now on."""
    expires_at = int(time.time()) + SESSION_S
    secret = session_secret(services().settings)
    value = sign_session(key.id, digest=key.digest, expires_at=expires_at, secret=secret)
    return Started(value=value, expires_at=datetime.fromtimestamp(expires_at, UTC))


def give_session(response: Response, session: Started) -> None:
    """Give a browser the cookie of a session; scripts and other sites never have it."""
    response.set_cookie(
        COOKIE,
        session.value,
        max_age=SESSION_S,
        httponly=True,
        samesite="Strict",
        secure=request.is_secure,
    )


def end_session(response: Response) -> None:
    """Take a browser's session away."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)


def session_key(value: str) -> KeyRecord | None:
    """The working key whose session a cookie's value is; None if it is none, or has ended."""
    claim = read_session(value)
    if claim is None or claim.expires_at <= time.time():
        return None
    key = key_ring().get(claim.key_id)
    secret = session_secret(services().settings)
    is_ours = is_signed(claim, digest=key.digest if key else None, secret=secret)
    return key if is_ours else None


def session_secret(settings: Settings) -> bytes:
    """What all processes of a home sign with; not in the catalog, whose copies would give it."""
    path = settings.home / "run" / SECRET_FILE
    if not path.exists():
        _make_secret(path)
    return path.read_bytes()


def _make_secret(path: Path) -> None:
    """Write it whole or not at all; of two that do so at once the first one counts."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
