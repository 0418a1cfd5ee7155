"""One at a time: what deletes files of record, and what copies them all."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.errors import ConflictError


@contextmanager
def alone_with_files(home: Path, *, what: str) -> Iterator[None]:
    """Keep others of a home from deleting or copying its files until the block ends.

    `ConflictError` with code `upkeep_running` at once if somebody else does; the kernel lets go
    when a process ends, however it does.
    """
    path = home / "run" / "upkeep.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"{what} has to wait: a backup or a collection of garbage of {home} is under way",
                code="upkeep_running",
            ) from error
        yield
