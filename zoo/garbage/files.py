"""Files that no row names: left by what was killed, or by what was deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from zoo.catalog import collections, named_files
from zoo.errors import DamagedError
from zoo.garbage.grounds import Collected, Grounds
from zoo.search.manifests import IndexFile, read_manifest
from zoo.storage.blobs import KINDS, StoredBlob

INDEXES = "indexes/"
UNUSED_S = 30 * 86_400
"""A copy that can be made again goes when nobody has read it for so long."""


def collect_files(grounds: Grounds) -> Iterator[Collected]:
    """Delete blobs that no row names, kind by kind; a young one may be about to be named."""
    for kind in KINDS:
        # Listed first: what is named meanwhile is then among the names.
        listed = list(grounds.blobs.list_blobs(kind))
        with grounds.reading() as session:
            named = named_files.named_blobs(session, retry_from=grounds.grace_from)
            snapshots = collections.list_snapshots(session)
            writing = named_files.writing_jobs(session, retry_from=grounds.grace_from)
        if kind == INDEXES:
            named |= _parts_of(grounds, snapshots)
        gone = [
            blob
            for blob in listed
            if blob.key not in named
            and blob.written_at < grounds.grace_from.timestamp()
            and not _is_written(blob, writing)
        ]
        for blob in gone:
            if not grounds.is_dry:
                grounds.blobs.delete(blob.key)
        size_bytes = sum(blob.size_bytes for blob in gone)
        yield Collected(kind=f"files in {kind}", count=len(gone), size_bytes=size_bytes)


def collect_caches(grounds: Grounds) -> Iterator[Collected]:
    """Delete exported engines and copies of weights that nobody has read for a month."""
    home = grounds.settings.home
    with grounds.reading() as session:
        in_use = named_files.spaces_in_use(session)
    engines = [path for path in _entries(home / "engines") if path.is_dir()]
    yield _collect_unused(grounds, "engines", [one for one in engines if one.name not in in_use])
    yield _collect_unused(grounds, "weights", list(_entries(home / "weights")))


def _parts_of(grounds: Grounds, snapshots: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The files that snapshots are made of; of one that is damaged they are made anew."""
    named: set[str] = set()
    for key, sha256 in snapshots:
        with suppress(DamagedError):
            manifest = read_manifest(grounds.blobs, IndexFile(key=key, sha256=sha256))
            named.update(part.file.key for part in manifest)
    return frozenset(named)


def _is_written(blob: StoredBlob, writing: frozenset[str]) -> bool:
    """Whether it is a file of a job that goes on."""
    parts = blob.key.split("/")
    return parts[0] == "features" and parts[1] in writing


def _collect_unused(grounds: Grounds, kind: str, paths: list[Path]) -> Collected:
    since = grounds.instant.timestamp() - UNUSED_S
    gone = {path: _size(path) for path in paths if _last_read(path) < since}
    for path in gone:
        if not grounds.is_dry:
            _remove(path)
    return Collected(kind=kind, count=len(gone), size_bytes=sum(gone.values()))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _files(path: Path) -> Iterator[Path]:
    return (one for one in path.rglob("*") if one.is_file()) if path.is_dir() else iter((path,))


def _last_read(path: Path) -> float:
    """File systems note a file's last reading to the day."""
    return max((max(one.stat().st_atime, one.stat().st_ctime) for one in _files(path)), default=0)


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in _files(path))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
