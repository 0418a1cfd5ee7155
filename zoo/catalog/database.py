"""The two kinds of transaction, and what a database's refusals mean."""

from __future__ import annotations

import contextlib
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from zoo.catalog.counts import write_counts
from zoo.catalog.engines import BEGIN_WRITING, begin_log_anew, make_engine
from zoo.errors import (
    ConflictError,
    DamagedError,
    InvalidError,
    UnavailableError,
    ZooError,
)

Result = TypeVar("Result")

LONGEST_PAUSE_S = 0.05
TRIES = 5
"""How often a transaction is done that loses race after race."""

LONG_LOG_BYTES = 128_000_000
"""Four times what a log has before SQLite copies it into the database by itself."""

LOST_RACES = frozenset({"40001", "40P01"})  # serialization failure, deadlock
OTHER_SCHEMA = frozenset({"42P01", "42703"})  # no such table, no such column
NOT_WRITABLE = frozenset({"25006", "42501"})  # a standby, a user without rights
REPEATED = frozenset({"database_busy", "concurrent_change"})
BEFORE_WORDS = re.compile(r".*(?:FATAL|connection .* failed):")
NAMED_HOST = re.compile(r"host '[^']*'")


class Catalog:
    """Hands out sessions: `read()` sees one snapshot, `write()` and `transact()` may change rows.

    On SQLite a process has one writer at a time. On PostgreSQL writers run side by side at READ
    COMMITTED; whoever needs the order of others locks a row first: a job's before its shards'.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        if engine.dialect.name == "sqlite":
            self._writer: contextlib.AbstractContextManager[object] = threading.Lock()
            self._reading = engine
            self._writing = engine.execution_options(zoo_begin=BEGIN_WRITING)
            self._log: Path | None = Path(f"{engine.url.database}-wal")
        else:
            self._log = None
            self._writer = contextlib.nullcontext()
            self._reading = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writing = engine.execution_options(isolation_level="READ COMMITTED")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; whatever it changes is thrown away or refused."""
        with _answering(), Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, or not at all on an exception.

        Keep it short: no forward, decode or file write inside.
        """
        with (
            self._writer,
            _answering(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session
            write_counts(session)

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """What `work` gives, committed; done again from the start when another writer won a race.

        For what others may be doing at the same moment: making the same name, say. Raises after
        `TRIES` times what `write` would have raised after the first.
        """
        for lost in range(1, TRIES):
            try:
                return self._once(work)
            except (ConflictError, UnavailableError) as error:
                if error.code not in REPEATED:
                    raise
            # Not at once: the loser would often take its first lock before the winner its second.
            time.sleep(random.uniform(0, LONGEST_PAUSE_S) * lost)  # noqa: S311 - no secret
        return self._once(work)

    def stamp(self) -> object | None:
        """What differs once somebody has written; None where only a query can tell.

        Cheap enough to be asked for all the time, and not certain: two writes within a few
        milliseconds may leave it as it was after the first.
        """
        try:
            found = self._log.stat() if self._log else None
        except OSError:
            return None
        return found and (found.st_mtime_ns, found.st_size)

    def shorten_log(self) -> None:
        """Begin SQLite's write-ahead log anew if it has become long; PostgreSQL sees to its own.

        While writers follow each other without a pause none of them gets to the log's end, so it
        would grow for as long as they do. Waits for a moment for those who write or read; if they
        take longer, or the disk has no room, it is for another time.
        """
        log = self._log
        if log is None or not log.exists() or log.stat().st_size < LONG_LOG_BYTES:
            return
        with self._writer, _answering(), contextlib.suppress(sqlite3.Error):
            begin_log_anew(self.engine)

    def close(self) -> None:
        """Close all connections of this process."""
        self.engine.dispose()

    def _once(self, work: Callable[[Session], Result]) -> Result:
        with self.write() as session:
            return work(session)


def open_catalog(url: str, *, is_hasty: bool = False) -> Catalog:
    """The catalog at a database URL; connects on first use, so opening before a fork is fine.

    One that is hasty gives a PostgreSQL that does not answer up within two seconds.
    """
    return Catalog(make_engine(url, is_pooled=True, is_hasty=is_hasty))


def open_unpooled(url: str) -> Catalog:
    """A catalog that closes its connection after each session, for a process that forks."""
    return Catalog(make_engine(url, is_pooled=False))


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: DBAPIError) -> ZooError | None:
    """What a refusal of the database is to our callers; None for a mistake of ours."""
    reason = first_line(error)
    state = getattr(error.orig, "sqlstate", None) or ""
    if isinstance(error, IntegrityError):
        return ConflictError(
            "something that this builds on was made or deleted at the same time; try again",
            code="concurrent_change",
        )
    if type(error) is DatabaseError:  # SQLite's word for a file that is not whole
        return DamagedError(f"the database is damaged: {reason}", code="damaged_database")
    if isinstance(error, DataError):
        return InvalidError(f"no database holds this value: {reason}", code="value_not_storable")
    return _passing(state, reason, is_operational=isinstance(error, OperationalError))


def _passing(state: str, reason: str, *, is_operational: bool) -> UnavailableError | None:
    """What may be over when it is tried again, by its SQLSTATE."""
    if state in LOST_RACES:
        return UnavailableError(
            "too many change the same rows at the same moment; try again", code="database_busy"
        )
    if state in OTHER_SCHEMA:
        detail = f"the database has not this release's schema ({reason}); run `zoo migrate`"
        return UnavailableError(detail, code="wrong_schema")
    if is_operational or state in NOT_WRITABLE:
        return UnavailableError(
            f"the database does not answer: {reason}", code="database_unavailable"
        )
    return None


def first_line(error: Exception) -> str:
    """The first line of what a driver says, without the addresses that it tried."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    # When a connection fails, what went wrong stands behind where it was tried.
    said = BEFORE_WORDS.sub("", said.splitlines()[0]).strip()
    return NAMED_HOST.sub("its host", said)
