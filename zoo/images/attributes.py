"""What the giver of a file says of it, beside its bytes: in a manifest's row, or a file beside."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import InvalidError, storable
from zoo.names import ITEM_ID

LONGEST_TEXT = 1000
"""Characters of a label or a name."""
MAX_METADATA_BYTES = 100_000
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes it; behind a backslash that stands for itself it is a letter and zeros."""
KNOWN = frozenset({"path", "id", "label", "split", "name"})
"""Members with a meaning of their own; all others are metadata."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attributes:
    """What is said of a file; absent members leave it to the zoo."""

    item_id: str | None = None
    label: str | None = None
    split: str | None = None
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON values


NOTHING = Attributes()


def read_attributes(given: Mapping[str, Any]) -> Attributes:
    """The attributes in a JSON object or a row; nulls are absent.

    Raises `InvalidError` with code `invalid_manifest_row` for what no item can have.
    """
    said = {name: value for name, value in given.items() if value is not None}
    metadata = {name: value for name, value in said.items() if name not in KNOWN}
    if reason := why_no_metadata(metadata):
        raise refuse(reason)
    return Attributes(
        item_id=_item_id(said),
        label=_text(said, "label"),
        split=_text(said, "split"),
        name=_text(said, "name"),
        metadata=metadata,
    )


def refuse(detail: str) -> InvalidError:
    """The error for a row that cannot be used."""
    return InvalidError(detail, code="invalid_manifest_row")


def name_of(given: str) -> str:
    """The name that an item has of a file's own: what both databases hold, and not endless."""
    return storable(given[:LONGEST_TEXT])


def is_storable(text: str) -> bool:
    """Whether both databases hold a text: PostgreSQL has no NUL character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def why_no_metadata(given: Mapping[str, Any]) -> str | None:
    """What keeps values from being an item's metadata; None if nothing does."""
    try:
        text = json.dumps(given, allow_nan=False, ensure_ascii=False)
        size_bytes = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        return f"the metadata is no JSON: {error}"
    if size_bytes > MAX_METADATA_BYTES:
        return f"the metadata has {size_bytes} bytes; at most {MAX_METADATA_BYTES} are kept"
    return "the metadata holds a NUL character" if NUL.search(text) else None


def _item_id(said: Mapping[str, Any]) -> str | None:
    item_id = _text(said, "id")
    if item_id is None or ITEM_ID.fullmatch(item_id):
        return item_id
    raise refuse(
        f"the id {item_id[:200]!r} is not 1 to 128 of A-Z, a-z, 0-9, '_', '.', ':' and '-'"
    )


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise refuse(f"the {name} is {str(value)[:200]!r}; it should be a text")
    text = str(value)
    if len(text) > LONGEST_TEXT or not is_storable(text):
        raise refuse(f"the {name} is not a text of at most {LONGEST_TEXT} characters")
    return text
