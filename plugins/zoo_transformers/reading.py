"""Reads the JSON files of a model folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MOST_BYTES = 10_000_000


class UnusableError(Exception):
    """A model folder that cannot be served as it is; the sentence says why."""


def read_json(path: Path) -> object:
    """A JSON file; raises `UnusableError` if it cannot be read."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnusableError(f"{path.name} has more than {_MOST_BYTES} bytes")
        found: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UnusableError(f"{path.name} cannot be read: {error}") from error
    return found


def read_optional(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file, empty where there is no file; raises `UnusableError`."""
    if not path.is_file():
        return {}
    found = read_json(path)
    if not isinstance(found, dict):
        raise UnusableError(f"{path.name} holds a {type(found).__name__}, not an object")
    return found
