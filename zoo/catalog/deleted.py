"""Deleted collections and datasets: gone for everybody at once, their rows some at a time.

All rows of a large one in one transaction would hold every other writer up for many seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from zoo.catalog.rows import changed
from zoo.catalog.tables import Collection, Dataset, DatasetItem, DatasetVersion, Generation, Item
from zoo.catalog.work_tables import Source, SourceFile

ROWS_A_WRITE = 2000
MARK = "~"
"""Begins the name of a deleted one while it still has rows; no name that is given holds it."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of thing that may have very many rows."""

    table: type[Collection] | type[Dataset]
    states: type[Generation] | type[DatasetVersion]  # few; without them it cannot be read
    members: type[Item] | type[DatasetItem]
    owner: str  # the column in which its rows have its id


COLLECTION = Kind(table=Collection, states=Generation, members=Item, owner="collection_id")
DATASET = Kind(table=Dataset, states=DatasetVersion, members=DatasetItem, owner="dataset_id")


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A deleted one that still has rows."""

    kind: Kind
    id: int


def is_kept(table: type[Collection] | type[Dataset]) -> ColumnElement[bool]:
    """Whether it was not deleted."""
    return table.name.not_like(f"{MARK}%")


def take_down(session: Session, kind: Kind, row_id: int) -> None:
    """Delete one whose row is held; its name is free, and a small one is gone altogether."""
    session.execute(delete(kind.states).where(_owner(kind.states, kind) == row_id))
    mine = kind.table.id == row_id
    session.execute(update(kind.table).where(mine).values(name=f"{MARK}{row_id}"))
    clear(session, Leftover(kind=kind, id=row_id))


def leftovers(session: Session) -> list[Leftover]:
    """What was deleted and still has rows, the oldest first."""
    return [
        Leftover(kind=kind, id=row_id)
        for kind in (COLLECTION, DATASET)
        for row_id in session.scalars(
            select(kind.table.id).where(~is_kept(kind.table)).order_by(kind.table.id)
        )
    ]


def count_rows(session: Session) -> int:
    """How many rows are left of what was deleted."""
    return sum(
        session.scalar(select(func.count()).select_from(keys.subquery())) or 0
        for left in leftovers(session)
        for keys in (_files(left), _members(left))
    )


def clear(session: Session, left: Leftover) -> int:
    """Delete some rows, and with the last of them its own; returns how many, 0 if it is gone."""
    kind = left.kind
    own = (kind.table.id == left.id, ~is_kept(kind.table))
    if session.scalar(select(kind.table.id).where(*own).with_for_update()) is None:
        return 0
    n = _drop(session, SourceFile, _files(left), limit=ROWS_A_WRITE)
    n += _drop(session, kind.members, _members(left), limit=ROWS_A_WRITE - n)
    if n < ROWS_A_WRITE:
        n += changed(session, delete(kind.table).where(*own))  # its sources go with it
    return n


def _files(left: Leftover) -> Select[int]:
    """The files of its sources."""
    files = select(SourceFile.pk).join(Source, Source.id == SourceFile.source_id)
    return files.where(_owner(Source, left.kind) == left.id)


def _members(left: Leftover) -> Select[int]:
    table = left.kind.members
    return select(table.pk).where(_owner(table, left.kind) == left.id)


def _drop(
    session: Session,
    table: type[SourceFile] | type[Item] | type[DatasetItem],
    keys: Select[int],
    *,
    limit: int,
) -> int:
    return changed(session, delete(table).where(table.pk.in_(keys.limit(limit))))


def _owner(
    table: type[Source] | type[Generation] | type[DatasetVersion] | type[Item] | type[DatasetItem],
    kind: Kind,
) -> InstrumentedAttribute[int]:
    column: InstrumentedAttribute[int] = getattr(table, kind.owner)
    return column
