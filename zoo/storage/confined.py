"""Opening files of this machine below a folder, without ever following a link."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without waiting: a pipe that takes a file's name meanwhile would hold its reader for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotAFileError(OSError):
    """A link, a folder or a special file where a plain file should be."""


def open_folder(root: Path, parts: Sequence[str]) -> int:
    """A descriptor of the folder `parts` below `root`; `OSError` where a part is a link.

    The root itself may lie behind links: whoever configures it knows.
    """
    folder = os.open(root, _FOLDER)
    for part in parts:
        folder = _step(folder, part)
    return folder


def open_inner(folder: int, name: str) -> int:
    """A descriptor of a folder in a folder; the outer one stays open."""
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)


def open_plain(folder: int, name: str) -> int:
    """A descriptor of a plain file in a folder; `NotAFileError` for anything else.

    It is looked at before it is opened, as opening alone moves some devices, and after, as it
    may be another by then.
    """
    if not S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise NotAFileError(f"{name} is a link or a special file")
    descriptor = os.open(name, _FILE, dir_fd=folder)
    if S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotAFileError(f"{name} is a link or a special file")


def open_plain_below(root: Path, parts: Sequence[str]) -> int:
    """A descriptor of the plain file `parts` below `root`."""
    if not parts:
        raise NotAFileError(f"{root} is a folder")
    folder = open_folder(root, parts[:-1])
    try:
        return open_plain(folder, parts[-1])
    finally:
        os.close(folder)


def _step(folder: int, part: str) -> int:
    try:
        return open_inner(folder, part)
    finally:
        os.close(folder)
