"""Bringing a database to this release's schema, or saying why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from zoo.catalog import Catalog, open_catalog
from zoo.catalog.database import first_line
from zoo.catalog.engines import shown, sqlite_path
from zoo.errors import StartError
from zoo_migrations.writing import check_writable

MIGRATING = 0x5A4F4F  # our number among PostgreSQL's advisory locks: one migrates at a time


def upgrade(url: str) -> str:
    """Bring the database at `url` to the newest schema; returns the revision it had before.

    Raises `StartError` if the database does not answer, cannot be written, is damaged, or was
    made by a newer release.
    """
    path = sqlite_path(url)
    if path is not None:
        check_writable(path.parent)
    with _opened(url) as catalog, _begun(catalog) as connection:
        if connection.dialect.name == "postgresql":
            _prepare_postgresql(connection)
        before = _revision(connection)
        _check_known(before)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before


def check(url: str) -> None:
    """Raise `StartError` unless the database has exactly this release's schema."""
    with _opened(url) as catalog, catalog.engine.connect() as connection:
        found = _revision(connection)
    _check_known(found)
    if found != _script().get_current_head():
        raise StartError("the catalog has an older schema than this release; run `zoo migrate`")


@contextmanager
def _opened(url: str) -> Iterator[Catalog]:
    catalog = open_catalog(url)
    try:
        yield catalog
    except DatabaseError as error:
        where = "" if sqlite_path(url) else f" at {shown(url)}"
        reason = first_line(error)
        raise StartError(f"the catalog{where} cannot be opened: {reason}") from error
    finally:
        catalog.close()


@contextmanager
def _begun(catalog: Catalog) -> Iterator[Connection]:
    """A transaction in which SQLite's tables can be made anew without what refers to them.

    SQLite asks nothing of foreign keys then, and can be told so only before a transaction.
    """
    with catalog.engine.connect() as connection:
        driver = connection.connection.driver_connection
        if connection.dialect.name == "sqlite" and driver is not None:
            driver.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            yield connection


def _prepare_postgresql(connection: Connection) -> None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise StartError(
            f"the database is encoded in {encoding}; it should be made with ENCODING 'UTF8'"
        )
    for name in ("statement_timeout", "lock_timeout"):  # a migration may take its time
        connection.execute(text(f"SET LOCAL {name} = 0"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATING})"))


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _check_known(revision: str) -> None:
    known = {script.revision for script in _script().walk_revisions()}
    if revision and revision not in known:
        raise StartError(
            f"this home was made by another, newer release (its schema is {revision!r}, "
            f"this one knows up to {_script().get_current_head()!r}); upgrade featurezoo"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
