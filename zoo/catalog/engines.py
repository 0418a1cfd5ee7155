"""From a database's URL to an engine: drivers, timeouts, and how a transaction begins on each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from zoo.errors import StartError

if TYPE_CHECKING:
    from zoo.catalog.patient import PatientConnection

BUSY_TIMEOUT_MS = 30_000
LOOK_AGAIN_S = 0.001
"""How often who wants to write looks whether another process still does.

SQLite by itself looks less and less often, up to 100 ms apart: who has waited longest comes last.
"""
PRIMARY_CODE = 0xFF
"""What of SQLite's codes says that it is busy; the rest why, as with recovery after a crash."""
BEGIN_WRITING = "BEGIN IMMEDIATE"
CHECKPOINT_TIMEOUT_MS = 2000  # others may have to wait for as long
CONNECT_TIMEOUT_S = 2  # the least that libpq keeps to; `patient` keeps to less
STATEMENT_TIMEOUT_S = 30
LOCK_TIMEOUT_S = 10
PING_TIMEOUT_S = 0.4  # of a connection that lay idle: it has nothing to do but to answer
IDLE_IN_TRANSACTION_S = 30  # a process that was stopped in one gives its row locks up after this

SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # A shard's rows stand all over large indexes: with SQLite's own 2 MB a transaction writes
    # the same pages again and again, and with its 4 MB of log each copies it into the database.
    "cache_size=-16000",
    "wal_autocheckpoint=8000",
)

POSTGRESQL = "postgresql+psycopg"
SPELLINGS = ("postgres", "postgresql", POSTGRESQL)


def make_engine(url: str, *, is_pooled: bool, is_hasty: bool = False) -> Engine:
    """An engine that connects on first use; `StartError` if no driver serves this URL."""
    parsed = parse_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    arguments = _sqlite_arguments() if is_sqlite else _postgresql_arguments(parsed)
    try:
        if is_pooled:
            # Threads bound the connections; a pool's own limit would only make one of them fail.
            engine = create_engine(
                parsed, connect_args=arguments, max_overflow=-1, pool_pre_ping=not is_sqlite
            )
        else:
            engine = create_engine(parsed, connect_args=arguments, poolclass=NullPool)
    except ModuleNotFoundError as error:
        raise StartError(
            f"PostgreSQL needs {error.name}, which is not installed; "
            "get it with: pip install 'featurezoo[postgres]'"
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "do_connect", partial(_connect_postgresql, is_hasty=is_hasty))
        event.listen(engine, "checkin", _hurry)
        event.listen(engine, "checkout", _be_patient)
    return engine


def parse_url(text: str) -> URL:
    """The URL with the one driver that we use for its database; `StartError` for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _refusal("no URL") from error  # not shown: it may hold a password
    if url.drivername in SPELLINGS:
        return url.set(drivername=POSTGRESQL)
    if url.drivername == "sqlite":
        return url
    raise _refusal(repr(url.render_as_string(hide_password=True)))


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for any other database."""
    parsed = parse_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(str(parsed.database)) if is_file else None


def shown(url: str) -> str:
    """A URL as it may be printed: without its password."""
    return parse_url(url).set(drivername="postgresql").render_as_string(hide_password=True)


def begin_log_anew(engine: Engine) -> None:
    """Copy all of SQLite's write-ahead log into the database and cut it off, if nobody minds.

    Raises `sqlite3.Error` where that cannot be, as on a disk without room.
    """
    connection = engine.raw_connection()  # outside of any transaction
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={CHECKPOINT_TIMEOUT_MS}")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.cursor().execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.close()


def _refusal(given: str) -> StartError:
    return StartError(
        f"ZOO_DATABASE_URL is {given}; it should be postgresql://user:password@host/database "
        "or sqlite:////path/to/file"
    )


def _sqlite_arguments() -> dict[str, object]:
    return {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}


def _postgresql_arguments(url: URL) -> dict[str, object]:
    """What every connection is made with, unless the URL says otherwise."""
    timeouts = {
        "statement_timeout": STATEMENT_TIMEOUT_S,
        "lock_timeout": LOCK_TIMEOUT_S,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_S,
    }
    arguments: dict[str, object] = {
        "application_name": "featurezoo",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,  # milliseconds until a network that swallows all is noticed
        "options": " ".join(f"-c {name}={value}s" for name, value in timeouts.items()),
        # Poolers between us and the server share connections, prepared statements do not.
        "prepare_threshold": None,
    }
    return {name: value for name, value in arguments.items() if name not in url.query}


def _connect_postgresql(
    _dialect: Dialect,
    _record: ConnectionPoolEntry,
    arguments: Sequence[Any],
    named: dict[str, Any],
    *,
    is_hasty: bool,
) -> DBAPIConnection:
    # By name, as the driver is an extra's: the engine has found it by now.
    connect = import_module("zoo.catalog.patient").connect
    connected: DBAPIConnection = connect(*arguments, is_hasty=is_hasty, **named)
    return connected


def _hurry(idle: DBAPIConnection | None, _record: ConnectionPoolEntry) -> None:
    """Have an idle connection asked for a moment only whether its server is still there."""
    if idle is not None:
        cast("PatientConnection", idle).patience_s = PING_TIMEOUT_S


def _be_patient(used: DBAPIConnection, _record: ConnectionPoolEntry, _proxy: object) -> None:
    connection = cast("PatientConnection", used)
    connection.patience_s = type(connection).patience_s


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("zoo_begin", "BEGIN")
    if begin == BEGIN_WRITING:
        _begin_writing(connection)
    else:
        connection.exec_driver_sql(begin)


def _begin_writing(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if driver is None:  # it was closed meanwhile, and says so itself
        connection.exec_driver_sql(BEGIN_WRITING)
        return
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    with _at_once(driver):
        while time.monotonic() < deadline:
            try:
                driver.execute(BEGIN_WRITING)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(LOOK_AGAIN_S)
            else:
                return
        connection.exec_driver_sql(BEGIN_WRITING)  # fails as all else that SQLAlchemy runs


@contextmanager
def _at_once(driver: DBAPIConnection) -> Iterator[None]:
    """Have SQLite say at once that another process writes."""
    driver.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
