"""What a request may say of an item beside its bytes: as much as a manifest's row may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from zoo.images.attributes import LONGEST_TEXT, is_storable, why_no_metadata


def _storable(text: str) -> str:
    if not is_storable(text):
        raise PydanticCustomError("not_storable", "the text holds a NUL character")
    return text


def _metadata(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if reason := why_no_metadata(given):
        raise PydanticCustomError("not_storable", "{reason}", {"reason": reason})
    return given


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_storable)
]
"""A name or a label."""
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_metadata)]
