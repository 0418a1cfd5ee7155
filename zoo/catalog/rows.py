"""From rows to records, and statements that both databases understand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from zoo.catalog.tables import Table

Record = TypeVar("Record")
Value = TypeVar("Value")
CHUNK = 500  # bound values a statement: below every database's limit


def as_record(kind: type[Record], row: object, **given: object) -> Record:
    """A record whose fields are the row's attributes of the same names, and the given ones."""
    names = _names_of(kind)  # type: ignore[arg-type]  # mypy doubts that a class can be a key
    read = {name: getattr(row, name) for name in names if name not in given}
    return kind(**read, **given)


@cache
def _names_of(kind: type) -> tuple[str, ...]:
    """The fields of a kind of record: asking for them takes longer than reading a row."""
    return tuple(one.name for one in fields(kind))


def chunks(values: Iterable[Value], size: int = CHUNK) -> Iterator[list[Value]]:
    """The values in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def insert_new(
    session: Session, table: type[Table], rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]
) -> None:
    """Insert the rows whose key is not there yet; the others stay as they are.

    In the order of their keys: two that insert the same keys wait for each other in one direction.
    """
    for chunk in chunks(sorted(rows, key=lambda row: [row[name] for name in key])):
        statement = _insert(session, table)
        session.execute(statement.on_conflict_do_nothing(index_elements=list(key)), chunk)


def upsert(
    session: Session,
    table: type[Table],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> None:
    """Insert the rows; where the key is there already, overwrite the columns in `update`."""
    for chunk in chunks(rows):
        statement = _insert(session, table)
        excluded = {name: statement.excluded[name] for name in update}
        session.execute(
            statement.on_conflict_do_update(index_elements=list(key), set_=excluded), chunk
        )


def add_up(
    session: Session,
    table: type[Table],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    column: str,
) -> None:
    """Insert the rows; where the key is there already, add to the column what is given."""
    for chunk in chunks(rows):
        statement = _insert(session, table)
        total = table.__table__.c[column] + statement.excluded[column]
        session.execute(
            statement.on_conflict_do_update(index_elements=list(key), set_={column: total}), chunk
        )


def changed(session: Session, statement: Executable) -> int:
    """Execute an UPDATE or DELETE and say how many rows it met."""
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def _insert(session: Session, table: type[Table]) -> Any:
    """The dialect's own INSERT, the one that knows ON CONFLICT; the two share no base class."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return (sqlite if is_sqlite else postgresql).insert(table.__table__)
