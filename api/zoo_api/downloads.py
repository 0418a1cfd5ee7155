"""What a route promises that sends a file: whole, a part of it, or that it is still the same."""

from __future__ import annotations

from zoo_api.contract import Answer

BYTES_TYPE = "application/octet-stream"
NO_RANGE = {416: ("range_not_satisfiable",)}


def download(*media: str) -> tuple[Answer, ...]:
    """The answers of a file that is one of some media types."""
    sent = ("ETag",)
    return (
        Answer(media=media, headers=sent, asks=("If-None-Match", "Range"), codes=NO_RANGE),
        Answer(status=206, media=media, headers=sent),
        Answer(status=304, headers=sent),
    )
