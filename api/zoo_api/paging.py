"""Lists in pages: opaque cursors that may be pasted into an address as they are."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from annotated_types import Ge, Le
from pydantic import Field
from typing_extensions import TypedDict

from zoo.errors import InvalidError
from zoo_api.reading import Closed

Row = TypeVar("Row")
Position = TypeVar("Position", str, int)
NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class Paging(Closed):
    """How much of a list, and from where."""

    limit: Annotated[int, Ge(1), Le(1000)] = 100
    cursor: Annotated[str, Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"})] | None = None


class Page(TypedDict, Generic[Row]):
    """A part of a list; `next_cursor` gets the next one, null on the last."""

    data: list[Row]
    next_cursor: str | None


def encode_cursor(position: str | int) -> str:
    """A cursor of `[A-Za-z0-9_-]` for what comes after a position."""
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, default: Position) -> Position:
    """The position of a cursor, or `default` without one; 422 if it is none of ours."""
    if not cursor:
        return default
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        found = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _foreign(cursor) from error
    if isinstance(default, str):
        return found
    if not NUMBER.fullmatch(found):
        raise _foreign(cursor)
    return int(found)


def page_json(rows: Sequence[Row], *, next_cursor: str | None) -> Page[Row]:
    """A page as answered."""
    return {"data": list(rows), "next_cursor": next_cursor}


def _foreign(cursor: str) -> InvalidError:
    return InvalidError(
        f"cursor {cursor[:100]!r} is not one of this list's; use the next_cursor of its last page",
        code="invalid_cursor",
        field="cursor",
    )
