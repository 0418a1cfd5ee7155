"""The examples of a dataset one by one: listed, found, counted, and compared between versions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select, union
from sqlalchemy.orm import Session, aliased

from zoo.catalog.datasets import is_in, newest_version
from zoo.catalog.records import Difference, Example, ListedExample
from zoo.catalog.rows import as_record
from zoo.catalog.tables import DatasetItem


def page_of_examples(
    session: Session,
    dataset_id: int,
    *,
    version: int | None,
    after: int,
    limit: int,
    label: str | None = None,
    splits: Sequence[str] = (),
) -> list[ListedExample]:
    """Examples in the order in which they came, after a place; `version` None is the one to come.

    With a `label` or `splits` those that have it, or one of them.
    """
    statement = (
        select(DatasetItem)
        .where(DatasetItem.dataset_id == dataset_id, DatasetItem.pk > after, is_in(version))
        .order_by(DatasetItem.pk)
        .limit(limit)
    )
    if label is not None:
        statement = statement.where(DatasetItem.label == label)
    if splits:
        statement = statement.where(DatasetItem.split.in_(splits))
    rows = session.scalars(statement)
    return [as_record(ListedExample, row, metadata=row.meta) for row in rows]


def get_example(
    session: Session, dataset_id: int, item_id: str, *, version: int | None
) -> ListedExample | None:
    """An example by its id."""
    statement = select(DatasetItem).where(
        DatasetItem.dataset_id == dataset_id, DatasetItem.item_id == item_id, is_in(version)
    )
    row = session.scalar(statement)
    return as_record(ListedExample, row, metadata=row.meta) if row else None


def has_any(session: Session, dataset_id: int) -> bool:
    """Whether any version of a dataset holds an example, or the one to come does."""
    some = select(DatasetItem.pk).where(DatasetItem.dataset_id == dataset_id).limit(1)
    return session.scalar(some) is not None


def count_changes(session: Session, dataset_id: int) -> int:
    """How many examples the version to come adds to the newest one, changes or leaves out."""
    version = newest_version(session, dataset_id)
    mine = select(DatasetItem.item_id).where(DatasetItem.dataset_id == dataset_id)
    new = mine.where(DatasetItem.added_in.is_(None))
    gone = mine.where(DatasetItem.removed_in > version)
    changed = union(new, gone).subquery()  # each by an index of its own
    return session.scalar(select(func.count()).select_from(changed)) or 0


def compare_versions(
    session: Session, dataset_id: int, *, old: int, new: int, limit: int
) -> dict[str, Difference]:
    """What differs from one version to another, by kind, with the first `limit` of each.

    An example that is in both counts as `replaced` if its content is another, and also as
    `relabelled` and `moved` if its label and its split are; as `described` if nothing but its
    name or its metadata is.
    """
    before, after = aliased(DatasetItem), aliased(DatasetItem)
    is_before = and_(before.dataset_id == dataset_id, is_in(old, before))
    is_after = and_(after.dataset_id == dataset_id, is_in(new, after))
    same_id = before.item_id == after.item_id
    is_added = and_(is_after, ~select(before.pk).where(is_before, same_id).exists())
    is_removed = and_(is_before, ~select(after.pk).where(is_after, same_id).exists())
    is_pair = and_(is_before, is_after, same_id, before.pk != after.pk)
    other = {
        "relabelled": before.label != after.label,
        "moved": before.split.is_distinct_from(after.split),
        "replaced": before.sha256 != after.sha256,
    }
    pairs = {
        kind: _pairs(session, before, after, where=and_(is_pair, differs), limit=limit)
        for kind, differs in {**other, "described": ~or_(*other.values())}.items()
    }
    return {
        "added": _lone(session, after, where=is_added, limit=limit, is_after=True),
        "removed": _lone(session, before, where=is_removed, limit=limit, is_after=False),
        **pairs,
    }


def _pairs(
    session: Session,
    before: type[DatasetItem],
    after: type[DatasetItem],
    *,
    where: ColumnElement[bool],
    limit: int,
) -> Difference:
    count = session.scalar(select(func.count()).select_from(before, after).where(where)) or 0
    rows = session.execute(select(before, after).where(where).order_by(after.pk).limit(limit))
    return Difference(count=count, first=[(_example(old), _example(new)) for old, new in rows])


def _lone(
    session: Session,
    examples: type[DatasetItem],
    *,
    where: ColumnElement[bool],
    limit: int,
    is_after: bool,
) -> Difference:
    count = session.scalar(select(func.count()).select_from(examples).where(where)) or 0
    rows = session.scalars(select(examples).where(where).order_by(examples.pk).limit(limit))
    found = [_example(row) for row in rows]
    return Difference(
        count=count, first=[(None, one) if is_after else (one, None) for one in found]
    )


def _example(row: DatasetItem) -> Example:
    return as_record(Example, row, metadata=row.meta)
