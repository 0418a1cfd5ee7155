"""What a source holds, counted without reading it, for as long as somebody waits."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from zoo.images.archives import Member
from zoo.images.sources.entries import Entry, FoundFile

MOST_ENDINGS = 50
OTHER = "other"
"""Where endings are counted beyond the first so many."""
TEXTS = "text"
"""Where the texts in a manifest are counted."""
LONGEST_ENDING = 20
ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz"})


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Files of a source; `is_complete` says whether these are all."""

    files: int
    size_bytes: int
    unusable: int  # links, special files, what cannot be read, bad rows
    archive_bytes: int  # of files that are archives by their names; they are copied when expanded
    files_by_ending: Mapping[str, int]
    bytes_by_ending: Mapping[str, int]
    is_complete: bool


def count_entries(entries: Iterable[Entry], *, limit_s: float) -> Counted:
    """Count entries for at most `limit_s` seconds, give or take one entry."""
    deadline = time.monotonic() + limit_s
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    n_unusable = 0
    is_complete = True
    for entry in entries:
        if isinstance(entry.file, FoundFile):
            ending = _ending(entry.file.path, files)
            files[ending] += 1
            sizes[ending] += entry.file.size_bytes
        elif isinstance(entry.file, Member):
            files[TEXTS] += 1
            sizes[TEXTS] += len(entry.file.content)
        else:
            n_unusable += 1
        if time.monotonic() > deadline:
            is_complete = False
            break
    return Counted(
        files=files.total(),
        size_bytes=sizes.total(),
        unusable=n_unusable,
        archive_bytes=sum(sizes[ending] for ending in ARCHIVES),
        files_by_ending=files,
        bytes_by_ending=sizes,
        is_complete=is_complete,
    )


def _ending(path: str, known: Mapping[str, int]) -> str:
    ending = PurePosixPath(path).suffix.lower()[:LONGEST_ENDING]
    return ending if ending in known or len(known) < MOST_ENDINGS else OTHER
