"""From rows to records, and statements that both databases understand.

What is asked for with every request and every shard is a statement on a table, made once: making
one anew, or one on a class, takes SQLAlchemy several times as long as SQLite takes to answer it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from itertools import islice
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import CursorResult, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from zoo.catalog.tables import Table

Record = TypeVar("Record")
Value = TypeVar("Value")
CHUNK = 500  # bound values a statement: below every database's limit


def as_record(kind: type[Record], row: object, **given: object) -> Record:
    """A record whose fields are the row's attributes of the same names, and the given ones."""
    names = _names_of(kind)  # type: ignore[arg-type]  # mypy takes no class for hashable
    read = {name: getattr(row, name) for name in names if name not in given}
    return kind(**read, **given)


@cache
def _names_of(kind: type[Any]) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))  # all records are dataclasses


def table_of(kind: type[Table]) -> sa.Table:
    """The table behind a class, whose columns are named as in the database."""
    return cast("sa.Table", kind.__table__)


def chunks(values: Iterable[Value], size: int = CHUNK) -> Iterator[list[Value]]:
    """The values in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def insert_new(
    session: Session, table: type[Table], rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]
) -> int:
    """Insert the rows whose key is not there yet, and say how many; the others stay as they are.

    In the order of their keys: two that insert the same keys wait for each other in one direction.
    """
    statement = _insert_new(_dialect(session), table, tuple(key))
    in_order = sorted(rows, key=lambda row: [row[name] for name in key])
    return sum(changed(session, statement, chunk) for chunk in chunks(in_order))


def upsert(
    session: Session,
    table: type[Table],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Insert the rows; where the key is there already, overwrite the columns in `update`."""
    statement = _upsert(_dialect(session), table, tuple(key), tuple(update))
    for chunk in chunks(rows):
        session.execute(statement, chunk)


def add_up(
    session: Session,
    table: type[Table],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    column: str,
) -> None:
    """Insert the rows; where the key is there already, add to the column what is given."""
    statement = _add_up(_dialect(session), table, tuple(key), column)
    for chunk in chunks(rows):
        session.execute(statement, chunk)


def changed(
    session: Session,
    statement: Executable,
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> int:
    """Execute an INSERT, UPDATE or DELETE and say how many rows it met."""
    result = session.execute(statement, values)
    return result.rowcount if isinstance(result, CursorResult) else 0


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


@cache
def _insert_new(dialect: str, table: type[Table], key: tuple[str, ...]) -> Executable:
    statement: Executable = _insert(dialect, table).on_conflict_do_nothing(index_elements=key)
    return statement


@cache
def _upsert(
    dialect: str, table: type[Table], key: tuple[str, ...], update: tuple[str, ...]
) -> Executable:
    statement = _insert(dialect, table)
    excluded = {name: statement.excluded[name] for name in update}
    made: Executable = statement.on_conflict_do_update(index_elements=key, set_=excluded)
    return made


@cache
def _add_up(dialect: str, table: type[Table], key: tuple[str, ...], column: str) -> Executable:
    statement = _insert(dialect, table)
    total = table_of(table).c[column] + statement.excluded[column]
    made: Executable = statement.on_conflict_do_update(index_elements=key, set_={column: total})
    return made


def _insert(dialect: str, table: type[Table]) -> Any:
    """The dialect's own INSERT, the one that knows ON CONFLICT; the two share no base class."""
    return (sqlite if dialect == "sqlite" else postgresql).insert(table_of(table))
