"""Making a backup: the catalog first, then each file that it names.

In that order all files are there: they are durable before a row names them, and nothing collects
them meanwhile. What is written after the catalog was copied is in the next backup.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zoo import __version__
from zoo.backups.manifest import BLOBS, CHUNK_BYTES, BackedUp, Manifest, write_manifest
from zoo.catalog import Session, named_files, soundness
from zoo.catalog.copying import copied_catalog
from zoo.errors import DamagedError, StartError
from zoo.names import new_id
from zoo.settings import Settings
from zoo.storage.blobs import (
    BlobStore,
    StoredBlob,
    file_sha256,
    flush_folder,
    open_blobs,
    out_of_room,
)
from zoo.storage.upkeep import alone_with_files

CACHES = ("indexes/", "checkpoints/")
"""Blobs that are in no backup: indexes can be made again, training without its checkpoint begins
anew."""
ARCHIVES = "archives/"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that was made; `missing` are files that the catalog names and the home lacks."""

    folder: Path
    n_files: int
    size_bytes: int
    missing: Sequence[str]


def make_backup(settings: Settings, target: Path) -> Backup:
    """Copy a home into a new folder, a service running on it or not.

    `StartError` if the folder is there already, `ConflictError` `upkeep_running` while garbage is
    collected. Cut short it leaves a hidden folder without a manifest beside the target.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StartError(f"{target} is there already; name a folder that is not")
    blobs = open_blobs(settings)
    with alone_with_files(settings.home, what="the backup"), _room_in(target):
        with _beside(target) as folder:
            made = _fill(settings, blobs, folder)
            _flush(folder)
            if target.exists():
                target.rmdir()
            folder.replace(target)
        flush_folder(target.parent)
    size_bytes = sum(one.size_bytes for one in made.files)
    return Backup(
        folder=target, n_files=len(made.files), size_bytes=size_bytes, missing=made.missing
    )


@dataclass(frozen=True, kw_only=True)
class _Filled:
    files: Sequence[BackedUp]
    missing: Sequence[str]


def _fill(settings: Settings, blobs: BlobStore, folder: Path) -> _Filled:
    made_at = datetime.now(UTC)
    # An archive goes when it has been expanded: the catalog's copy may still wait for it.
    early = _copy_all(blobs, blobs.list_blobs(ARCHIVES), folder)
    with copied_catalog(settings.resolved_database_url, folder) as (name, session):
        soundness.check_schema(session)
        retry_from = made_at - timedelta(seconds=settings.gc_grace_s)
        wanted = _wanted(session, blobs, retry_from, known=early.keys())
        copied = _copy_all(blobs, wanted.found, folder)
    catalog = _described(folder, name)
    files = [*early.values(), *copied.values()]
    vanished = {blob.key for blob in wanted.found} - copied.keys()
    write_manifest(
        folder,
        Manifest(
            release=__version__,
            schema=soundness.SCHEMA,
            made_at=made_at.isoformat(),
            catalog=catalog,
            blobs=files,
        ),
    )
    return _Filled(files=[catalog, *files], missing=sorted([*wanted.missing, *vanished]))


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    found: Sequence[StoredBlob]
    missing: Sequence[str]


def _wanted(
    session: Session, blobs: BlobStore, retry_from: datetime, *, known: Set[str]
) -> _Wanted:
    """The blobs that the copied catalog names, but those that are caches or copied already."""
    named = named_files.named_blobs(session, retry_from=retry_from)
    writing = named_files.writing_jobs(session, retry_from=retry_from)
    listed = {blob.key: blob for blob in blobs.list_blobs("")}
    written = {
        key for key in listed if key.startswith("features/") and key.split("/")[1] in writing
    }
    keys = {key for key in named | written if not key.startswith(CACHES)} - known
    return _Wanted(
        found=[listed[key] for key in sorted(keys & listed.keys())],
        missing=sorted(keys - listed.keys()),
    )


def _copy_all(blobs: BlobStore, listed: Iterable[StoredBlob], folder: Path) -> dict[str, BackedUp]:
    """Copy blobs, and tell by key of those that were there to the end.

    One may go between being listed and being read to its end: an archive that was expanded.
    """
    copies: dict[str, BackedUp] = {}
    for blob in listed:
        path = folder / BLOBS / blob.key
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            copies[blob.key] = _copy(blobs, blob, path)
        except (DamagedError, FileNotFoundError):
            path.unlink(missing_ok=True)
    return copies


def _copy(blobs: BlobStore, blob: StoredBlob, path: Path) -> BackedUp:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        # An empty one is read too: whether it is there is told by no other way.
        for offset in range(0, max(1, blob.size_bytes), CHUNK_BYTES):
            size = min(CHUNK_BYTES, blob.size_bytes - offset)
            chunk = blobs.read_range(blob.key, offset, size)
            digest.update(chunk)
            file.write(chunk)
    return BackedUp(
        path=f"{BLOBS}/{blob.key}", size_bytes=blob.size_bytes, sha256=digest.hexdigest()
    )


def _described(folder: Path, name: str) -> BackedUp:
    path = folder / name
    return BackedUp(path=name, size_bytes=path.stat().st_size, sha256=file_sha256(path))


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target; gone afterwards, unless it took the target's name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.parent / f".{target.name}.{new_id('part')}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _room_in(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise out_of_room(f"the backup {target}", error) from error


def _flush(folder: Path) -> None:
    """Have everything in a folder on the disk, its names too."""
    for path in folder.rglob("*"):
        flush_folder(path)
    flush_folder(folder)
