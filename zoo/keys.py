"""What an API key is: made of randomness, told once, kept as a hash, good for a scope."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass

from zoo.errors import InvalidError

SCOPES = ("read", "submit", "admin")
"""Each may do all that those before it may."""
SECRET_BYTES = 32
LONGEST_NAME = 100
KEY = re.compile(r"zoo_([0-9a-f]{16})_[0-9a-f]{64}")
SESSION = re.compile(r"([0-9a-f]{16})\.([0-9]{1,12})\.([0-9a-f]{64})")
NO_DIGEST = "0" * 64
"""What no key has as its digest: an unknown id takes the same way as a wrong secret."""


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key at the only moment when its text is known."""

    id: str
    text: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class SessionClaim:
    """What a session's cookie says, believed only if `is_signed`."""

    key_id: str
    expires_at: int  # seconds since 1970
    signature: str


def make_key() -> NewKey:
    """A new key, `zoo_<id>_<256 random bits>`; ids sort by time of creation."""
    key_id = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(2)}"
    text = f"zoo_{key_id}_{secrets.token_hex(SECRET_BYTES)}"
    return NewKey(id=key_id, text=text, digest=digest_of(text))


def digest_of(text: str) -> str:
    """What is kept of a key.

    One sha256 is enough: a slow hash guards words that people choose against guessing, and
    nobody guesses 256 random bits; it would only make every request slow.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def id_of(text: str) -> str | None:
    """The id that a key's text names; None if it is no key at all."""
    found = KEY.fullmatch(text)
    return found[1] if found else None


def is_digest(text: str, digest: str | None) -> bool:
    """Whether a key has this digest, in a time that does not tell how nearly."""
    return hmac.compare_digest(digest_of(text), digest or NO_DIGEST)


def includes(held: str, needed: str) -> bool:
    """Whether a scope may do what needs another."""
    return SCOPES.index(held) >= SCOPES.index(needed)


def check_scope(scope: str) -> str:
    """`scope` if there is one of that name."""
    if scope in SCOPES:
        return scope
    raise InvalidError(
        f"there is no scope {scope[:LONGEST_NAME]!r}; use read, submit or admin",
        code="unknown_scope",
        field="scope",
    )


def check_key_name(name: str) -> str:
    """`name` if a key may be remembered by it."""
    if name.strip() and len(name) <= LONGEST_NAME and name.isprintable():
        return name
    raise InvalidError(
        f"key name {name[:LONGEST_NAME]!r} is not allowed; "
        f"use 1 to {LONGEST_NAME} characters that can be printed",
        code="invalid_name",
        field="name",
    )


def sign_session(key_id: str, *, digest: str, expires_at: int, secret: bytes) -> str:
    """A cookie's value, good until `expires_at` and for as long as its key is."""
    signature = _signature(key_id, digest=digest, expires_at=expires_at, secret=secret)
    return f"{key_id}.{expires_at}.{signature}"


def read_session(value: str) -> SessionClaim | None:
    """What a cookie's value says; None if it is not of our form."""
    found = SESSION.fullmatch(value)
    if not found:
        return None
    return SessionClaim(key_id=found[1], expires_at=int(found[2]), signature=found[3])


def is_signed(claim: SessionClaim, *, digest: str | None, secret: bytes) -> bool:
    """Whether a claim was signed by us for the key with this digest."""
    wanted = _signature(
        claim.key_id, digest=digest or NO_DIGEST, expires_at=claim.expires_at, secret=secret
    )
    return digest is not None and hmac.compare_digest(wanted, claim.signature)


def _signature(key_id: str, *, digest: str, expires_at: int, secret: bytes) -> str:
    said = f"{key_id}.{expires_at}.{digest}"
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()
