"""What a backup holds: every file with its sha256; written last, so that it means a whole one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from zoo.errors import DamagedError, StartError

FORMAT = 1
NAME = "manifest.json"
BLOBS = "blobs"
CHUNK_BYTES = 8 << 20
"""What is copied at a time."""


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """A file of a backup; its path is relative to the backup's folder."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A backup's table of contents."""

    release: str
    schema: str
    made_at: str  # ISO 8601, UTC
    catalog: BackedUp
    blobs: Sequence[BackedUp]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest into a backup's folder."""
    (folder / NAME).write_text(json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup; `StartError` if the folder is none, or of a later release."""
    try:
        fields = json.loads((folder / NAME).read_text())
    except (OSError, ValueError) as error:
        raise StartError(
            f"{folder} is no whole backup: its {NAME} cannot be read ({_reason(error)})"
        ) from error
    if fields.pop("format", None) != FORMAT:
        raise StartError(f"the backup {folder} was made by another, newer release")
    try:
        return Manifest(
            **{
                **fields,
                "catalog": BackedUp(**fields["catalog"]),
                "blobs": [BackedUp(**one) for one in fields["blobs"]],
            }
        )
    except (TypeError, KeyError) as error:
        raise DamagedError(f"the {NAME} of {folder} is damaged: {error}") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
