"""Looks first whether a SQLite database needs anything: Alembic is loaded only where it does.

Nearly every start finds nothing to do, and loading Alembic costs a start as much as all the rest
that `zoo up` does before it can start the api.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from urllib.parse import quote, unquote

from zoo_migrations.writing import check_writable

VERSIONS = Path(__file__).parent / "versions"
PREFIX = "sqlite:///"


def upgrade(url: str) -> str:
    """Bring the database at `url` to the newest schema; returns the revision it had before.

    Raises `StartError` if the database does not answer, cannot be written, is damaged, or was
    made by a newer release.
    """
    if is_newest(url):
        return newest()
    return str(import_module("zoo_migrations.upgrading").upgrade(url))


def check(url: str) -> None:
    """Raise `StartError` unless the database has exactly this release's schema."""
    import_module("zoo_migrations.upgrading").check(url)


def is_newest(url: str) -> bool:
    """Whether a SQLite database has the newest schema; False also for what cannot be told so.

    Raises `StartError` where its folder cannot be written.
    """
    if not url.startswith(PREFIX) or "?" in url:
        return False
    path = Path(unquote(url.removeprefix(PREFIX)))
    if not path.is_file() or not os.access(path, os.W_OK):
        return False
    check_writable(path.parent)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return False
    return found == [(newest(),)]


def newest() -> str:
    """The newest revision that this release knows."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
