"""Bringing a database to this release's schema, or saying why it cannot be used."""

from __future__ import annotations

import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError

from zoo.catalog import Catalog, open_catalog
from zoo.catalog.database import sqlite_path
from zoo.errors import StartError, UnavailableError


def upgrade(url: str) -> str:
    """Bring the database at `url` to the newest schema; returns the revision it had before.

    Raises `StartError` if the database cannot be written, is damaged, or was made by a newer
    release.
    """
    _check_writable(url)
    catalog = open_catalog(url)
    try:
        before = _current(catalog)
        _check_known(before)
        with catalog.engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return before
    except (DatabaseError, UnavailableError) as error:
        raise StartError(f"the catalog cannot be opened: {_first_line(error)}") from error
    finally:
        catalog.close()


def check(url: str) -> None:
    """Raise `StartError` unless the database has exactly this release's schema."""
    catalog = open_catalog(url)
    try:
        found = _current(catalog)
    except DatabaseError as error:
        raise StartError(f"the catalog cannot be opened: {_first_line(error)}") from error
    finally:
        catalog.close()
    _check_known(found)
    if found != _script().get_current_head():
        raise StartError("the catalog has an older schema than this release; run `zoo migrate`")


def _current(catalog: Catalog) -> str:
    with catalog.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def _check_known(revision: str) -> None:
    known = {script.revision for script in _script().walk_revisions()}
    if revision and revision not in known:
        raise StartError(
            f"this home was made by another, newer release (its schema is {revision!r}, "
            f"this one knows up to {_script().get_current_head()!r}); upgrade featurezoo"
        )


def _check_writable(url: str) -> None:
    path = sqlite_path(url)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(b"\0" * 65536)
    except OSError as error:
        raise StartError(f"cannot write to {path.parent}: {error.strerror}") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).splitlines()[0]
