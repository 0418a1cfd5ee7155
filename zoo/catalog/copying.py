"""The whole catalog as a file: SQLite's own backup of a database in use, or PostgreSQL's dump."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, inspect, text, update
from sqlalchemy.orm import Session

from zoo.catalog.database import Catalog, open_unpooled
from zoo.catalog.engines import parse_url, sqlite_path
from zoo.catalog.tables import Generation
from zoo.errors import StartError, UnavailableError

SQLITE_FILE = "catalog.sqlite3"
POSTGRESQL_FILE = "catalog.dump"
BESIDE = ("-journal", "-shm", "-wal")
"""What SQLite keeps beside a database; it believes those of whichever stood there before."""
SAID = 300
"""Characters of a program's last words that are shown."""


@contextmanager
def copied_catalog(url: str, folder: Path) -> Iterator[tuple[str, Session]]:
    """Copy the catalog into a folder; gives the file's name, and a session that reads the copy.

    The copy is of one instant, and other processes go on writing. `UnavailableError` with code
    `backup_failed` if it cannot be made, `StartError` where `pg_dump` is not installed.
    """
    path = sqlite_path(url)
    if path is not None:
        copy = folder / SQLITE_FILE
        _copy_sqlite(path, copy)
        with _opened(_url_of(copy)) as catalog, catalog.read() as session:
            yield SQLITE_FILE, session
        return
    with _opened(url) as catalog, catalog.read() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        snapshot = session.scalar(text("SELECT pg_export_snapshot()"))
        target = folder / POSTGRESQL_FILE
        _run("pg_dump", url, "--format=custom", f"--snapshot={snapshot}", f"--file={target}")
        yield POSTGRESQL_FILE, session


def has_catalog(url: str) -> bool:
    """Whether there is a catalog already, where one is to be restored."""
    path = sqlite_path(url)
    if path is not None:
        return path.exists()
    with _opened(url) as catalog, catalog.read() as session:
        return bool(inspect(session.connection()).get_table_names())


def left_of_catalog(url: str) -> list[Path]:
    """Files that a SQLite catalog left where it no longer is, in order of their names."""
    path = sqlite_path(url)
    if path is None:
        return []
    beside = [path.with_name(path.name + ending) for ending in BESIDE]
    return [file for file in beside if file.exists()]


def restore_catalog(url: str, source: Path) -> None:
    """Put a copied catalog where the URL says; there is none yet."""
    path = sqlite_path(url)
    if (path is None) != (source.name == POSTGRESQL_FILE):
        kinds = ("PostgreSQL", "SQLite") if path else ("SQLite", "PostgreSQL")
        raise StartError(
            f"the backup is of {kinds[0]}, ZOO_DATABASE_URL names {kinds[1]}; "
            "a backup is restored into the kind of database that it was made of"
        )
    if path is None:
        _run("pg_restore", url, "--no-owner", "--exit-on-error", str(source), is_target=True)
        return
    part = path.with_suffix(".part")
    try:
        shutil.copyfile(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def forget_snapshots(session: Session) -> None:
    """Have every index made anew: their files are in no backup."""
    nothing = {"index_key": None, "index_sha256": None, "index_revision": None, "index_rows": None}
    session.execute(update(Generation).values(nothing))


@contextmanager
def _opened(url: str) -> Iterator[Catalog]:
    with closing(open_unpooled(url)) as catalog:
        yield catalog


def _url_of(path: Path) -> str:
    """A URL that leads to a file whatever its name holds."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def _copy_sqlite(source: Path, target: Path) -> None:
    """All pages in one step: a reader of one instant, whom writers do not wait for."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as opened,
            closing(sqlite3.connect(target)) as made,
        ):
            opened.backup(made)
    except sqlite3.Error as error:
        raise UnavailableError(
            f"the catalog {source} cannot be copied: {error}", code="backup_failed"
        ) from error


def _run(program: str, url: str, *arguments: str, is_target: bool = False) -> None:
    """Run one of PostgreSQL's programs on a database, its password in no command line."""
    found = shutil.which(program)
    if found is None:
        raise StartError(
            f"{program} is not installed, and a PostgreSQL database is copied by it; install "
            "PostgreSQL's client programs of the server's version or a later one"
        )
    parsed = parse_url(url)
    address = parsed.set(drivername="postgresql", password=None).render_as_string()
    named = ("--dbname", address) if is_target else (address,)
    ended = subprocess.run(
        [found, *named, *arguments],
        env=_with_password(os.environ, parsed.password),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        said = " ".join(ended.stderr.split())[:SAID]
        raise UnavailableError(f"{program} failed: {said}", code="backup_failed")


def _with_password(environ: Mapping[str, str], password: object) -> dict[str, str]:
    return {**environ, **({"PGPASSWORD": str(password)} if password else {})}
