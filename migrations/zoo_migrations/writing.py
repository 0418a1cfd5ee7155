"""Whether the folder of a database can be written, found out before it is changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from zoo.errors import StartError

PROBE_BYTES = 65536


def check_writable(folder: Path) -> None:
    """Make the folder if it is not there; raise `StartError` if a file in it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * PROBE_BYTES)
    except OSError as error:
        raise StartError(f"cannot write to {folder}: {error.strerror}") from error
