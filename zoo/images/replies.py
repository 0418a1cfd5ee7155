"""What the decoding child may say, checked in full: who has taken it over speaks through it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from zoo.errors import ImageError

MAX_REPLY_BYTES = 1 << 16
REFUSALS = frozenset(
    {
        "not_an_image",
        "unsupported_format",
        "truncated_image",
        "too_many_pixels",
        "decoder_out_of_memory",
    }
)
"""The codes that are the child's to give; the others are told by those who watch it."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The upright picture's size in pixels, and how many bytes of answer lie in shared memory."""

    width: int
    height: int
    size_bytes: int


def parse_reply(text: bytes) -> Reply | ImageError:
    """The child's reply or its refusal; `ValueError` for anything else."""
    message = parse_object(text)
    if "code" in message:
        return _parse_refusal(message)
    return Reply(
        width=_parse_count(message, "width"),
        height=_parse_count(message, "height"),
        size_bytes=_parse_count(message, "size"),
    )


def parse_object(text: bytes) -> dict[str, object]:
    """A JSON object; `ValueError` for anything else."""
    try:
        message = json.loads(text)
    except RecursionError as error:
        raise ValueError("a reply nested too deep") from error
    if not isinstance(message, dict):
        raise ValueError(f"a reply that is no object but {type(message).__name__}")
    return message


def _parse_refusal(message: dict[str, object]) -> ImageError:
    code, detail = message["code"], message.get("detail")
    if not isinstance(code, str) or not isinstance(detail, str) or code not in REFUSALS:
        raise ValueError(f"a refusal with code {code!r}")
    detail.encode()  # half a surrogate pair would fail in the catalog
    return ImageError(detail, code=code)


def _parse_count(message: dict[str, object], name: str) -> int:
    count = message.get(name)
    if type(count) is not int or count < 0:
        raise ValueError(f"a reply whose {name} is {count!r}")
    return count
