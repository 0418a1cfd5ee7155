"""The headers that requests may bring and answers have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXT = {"type": "string"}


def _answered(description: str, *, is_always: bool = False, **schema: Any) -> Mapping[str, Any]:
    schema = schema or TEXT
    return {"description": description, "required": is_always, "schema": schema}


def _asked(name: str, description: str, example: str, **schema: Any) -> Mapping[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {**TEXT, **schema},
        "example": example,
    }


ANSWERED = {
    "X-Request-Id": _answered("The request's name, in the log too.", is_always=True),
    "Location": _answered("Where the job is to be asked about.", is_always=True),
    "Preference-Applied": _answered("That `Prefer` was honoured."),
    "Retry-After": _answered("Seconds to wait.", type="integer", minimum=1),
    "WWW-Authenticate": _answered("How to sign in."),
    "ETag": _answered("What `If-None-Match` may name."),
    "Set-Cookie": _answered("The session's cookie."),
}
ASKED = {
    "Prefer": _asked("Prefer", "How long to hold the answer for the job's end.", "wait=5"),
    "Idempotency-Key": _asked(
        "Idempotency-Key",
        "Makes a repeated request answer with the first one's job.",
        "a2c1",
        minLength=1,
        maxLength=255,
    ),
    "Last-Event-ID": _asked("Last-Event-ID", "Go on after this event.", "17"),
    "If-None-Match": _asked("If-None-Match", "Answer 304 if the ETag is still this.", '"e0"'),
    "Range": _asked("Range", "Answer these bytes alone.", "bytes=0-99"),
}
OF_STATUS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",),
             503: ("Retry-After",)}  # fmt: skip
