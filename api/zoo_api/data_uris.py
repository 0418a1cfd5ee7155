"""Pictures inside JSON: base64 data: URIs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from zoo.errors import InvalidError
from zoo_api.pictures import Pictures, check_count

DATA_URI = re.compile(r"data:[^,;]*(;[^,;]*)*?(?P<base64>;base64)?,", re.IGNORECASE)
WHITESPACE = dict.fromkeys(map(ord, " \t\r\n"))


def decode_inputs(given: str | Sequence[str]) -> Pictures:
    """The pictures of a JSON `input`: one data: URI, or several."""
    if isinstance(given, str):
        return Pictures(images=[decode_data_uri(given, field="input")], fields=["input"])
    check_count(len(given))
    fields = [f"input[{index}]" for index in range(len(given))]
    images = [decode_data_uri(text, field=f) for text, f in zip(given, fields, strict=True)]
    return Pictures(images=images, fields=fields)


def is_data_uri(text: str) -> bool:
    """Whether a text is the base64 data: URI of something, and not just a text."""
    match = DATA_URI.match(text)
    return match is not None and match["base64"] is not None


def decode_data_uri(text: str, *, field: str) -> bytes:
    """The bytes of a base64 data: URI; any other text is refused."""
    match = DATA_URI.match(text)
    if match is None:
        raise InvalidError(
            f"{field} is text, and the model takes images; send 'data:image/...;base64,...'",
            code="text_not_supported",
            field=field,
        )
    if not match["base64"]:
        raise InvalidError(f"{field} is a data: URI without ';base64'",
                           code="invalid_data_uri", field=field)  # fmt: skip
    try:
        return base64.b64decode(text[match.end() :].translate(WHITESPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(f"{field} is not valid base64: {error}",
                           code="invalid_data_uri", field=field) from error  # fmt: skip
