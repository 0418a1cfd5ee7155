"""Names and identifiers: what is allowed, what is made up, and what was probably meant."""

from __future__ import annotations

import difflib
import re
import secrets
import time
from collections.abc import Iterable

from zoo.errors import InvalidError, NotFoundError

LONGEST_GUESS = 200
OWN_NAME = re.compile(r"[a-z0-9_-]{1,100}")
ITEM_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def new_id(prefix: str) -> str:
    """A unique identifier that sorts by time of creation: prefix, milliseconds, 64 random bits."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def nearest(name: str, known: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Up to `limit` known names that look like `name`, best first."""
    if len(name) > LONGEST_GUESS:
        return ()  # comparing takes time that grows with the square of the length
    known = list(known)
    close = difflib.get_close_matches(name, known, n=limit, cutoff=0.5)
    parts = [other for other in known if name and name in other and other not in close]
    return tuple([*close, *parts][:limit])


def unknown(kind: str, name: str, known: Iterable[str]) -> NotFoundError:
    """The error for a name that does not exist, with the nearest that do."""
    close = nearest(name, known)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return NotFoundError(
        f"no {kind} {name[:LONGEST_GUESS]!r}{hint}",
        code=f"unknown_{kind.replace(' ', '_')}",
        nearest=close,
    )


def check_own_name(kind: str, name: str) -> str:
    """`name` if a user may give it to a `kind`; raises `InvalidError` otherwise."""
    if OWN_NAME.fullmatch(name):
        return name
    given = name[:LONGEST_GUESS]
    raise InvalidError(
        f"{kind} name {given!r} is not allowed; use 1 to 100 of a-z, 0-9, '_' and '-'",
        code="invalid_name",
        field="name",
    )
