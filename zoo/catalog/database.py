"""Opening the database and the two kinds of transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from zoo.errors import ConflictError, DamagedError, UnavailableError

BUSY_TIMEOUT_MS = 30_000


class Catalog:
    """Hands out sessions: `read()` sees one snapshot, `write()` is the process's only writer."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; whatever it changes is thrown away."""
        with _answering(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, or not at all on an exception.

        Keep it short: no forward, decode or file write inside.
        """
        engine = self.engine.execution_options(zoo_begin="BEGIN IMMEDIATE")
        with (
            self._writer,
            _answering(),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Close all connections of this process."""
        self.engine.dispose()


def open_catalog(url: str) -> Catalog:
    """The catalog at a SQLAlchemy URL; connects on first use, so opening before a fork is fine."""
    # Threads bound the connections; a pool's own limit would only make one of them fail.
    return _open(create_engine(url, connect_args=_connect_args(url), max_overflow=-1))


def open_unpooled(url: str) -> Catalog:
    """A catalog that closes its connection after each session, for a process that forks."""
    return _open(create_engine(url, connect_args=_connect_args(url), poolclass=NullPool))


def _open(engine: Engine) -> Catalog:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return Catalog(engine)


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for any other database."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(str(parsed.database)) if is_file else None


def _connect_args(url: str) -> dict[str, object]:
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    return {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False} if is_sqlite else {}


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("zoo_begin", "BEGIN"))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise UnavailableError(
            f"the database does not answer: {reason}", code="database_unavailable"
        ) from error
    except IntegrityError as error:
        raise ConflictError(
            "something that this builds on was made or deleted at the same time; try again",
            code="concurrent_change",
        ) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise  # a statement that the database does not take: ours to mend
        reason = str(error.orig).splitlines()[0]
        raise DamagedError(
            f"the database is damaged: {reason}", code="damaged_database"
        ) from error
