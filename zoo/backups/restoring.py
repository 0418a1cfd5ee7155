"""Putting a backup back: every file verified, the catalog last, so that half a home has none."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from zoo.backups.manifest import BLOBS, BackedUp, Manifest, read_manifest
from zoo.catalog import open_unpooled
from zoo.catalog.copying import (
    forget_snapshots,
    has_catalog,
    left_of_catalog,
    restore_catalog,
)
from zoo.catalog.soundness import SCHEMA
from zoo.errors import DamagedError, StartError
from zoo.names import new_id
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, open_blobs, out_of_room


def restore_backup(settings: Settings, source: Path, *, upgrade: Callable[[str], object]) -> int:
    """Make a home of a backup; returns how many files of record it has.

    `upgrade` brings the schema of an older release to this one's. `StartError` if there is a
    catalog already, or what one left, or the folder is no whole backup, `DamagedError` for a file
    that is not what was backed up: then no catalog is written, and it may be tried again.
    """
    manifest = read_manifest(source)
    if manifest.schema > SCHEMA:
        raise StartError(
            f"the backup {source} was made by another, newer release (its schema is "
            f"{manifest.schema!r}, this one knows up to {SCHEMA!r}); upgrade featurezoo"
        )
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_another(settings)
    _restore_files(settings, manifest, source)
    restore_catalog(settings.resolved_database_url, source / manifest.catalog.path)
    upgrade(settings.resolved_database_url)
    with (
        closing(open_unpooled(settings.resolved_database_url)) as catalog,
        catalog.write() as session,
    ):
        forget_snapshots(session)
    return len(manifest.blobs)


def _refuse_another(settings: Settings) -> None:
    if has_catalog(settings.resolved_database_url):
        raise StartError(
            f"the home {settings.home} has a catalog already; restore into a home without one"
        )
    if left := left_of_catalog(settings.resolved_database_url):
        raise StartError(
            f"the home {settings.home} has what an earlier catalog left, and SQLite would write "
            f"it into the restored one: {', '.join(file.name for file in left)}; move it away, "
            "or restore into another home"
        )


def _restore_files(settings: Settings, manifest: Manifest, source: Path) -> None:
    spool = settings.home / "tmp"
    blobs = open_blobs(settings)
    try:
        spool.mkdir(parents=True, exist_ok=True)
        _verify(source, manifest.catalog)
        for one in manifest.blobs:
            _restore(blobs, one, source=source, spool=spool)
    except OSError as error:
        raise out_of_room(f"the home {settings.home}", error) from error


def _restore(blobs: BlobStore, one: BackedUp, *, source: Path, spool: Path) -> None:
    """Copy, and verify what was copied: that is what the home will read."""
    part = spool / new_id("part")
    try:
        shutil.copyfile(_path_of(source, one), part)
        _check(part, one)
        blobs.put(one.path.removeprefix(f"{BLOBS}/"), part)
    finally:
        part.unlink(missing_ok=True)


def _verify(source: Path, one: BackedUp) -> None:
    _check(_path_of(source, one), one)


def _path_of(source: Path, one: BackedUp) -> Path:
    path = source / one.path
    if not path.is_file():
        raise DamagedError(f"{one.path} is missing from the backup {source}")
    return path


def _check(path: Path, one: BackedUp) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != one.sha256:
        raise DamagedError(f"{one.path} of the backup is damaged: its sha256 is not {one.sha256}")
