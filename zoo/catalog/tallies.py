"""Counts over a dataset version, from which can be told what is wrong with it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, String, case, func, select, type_coerce
from sqlalchemy.orm import Session

from zoo.catalog.datasets import is_in
from zoo.catalog.records import Clash, LabelCount, SplitCount
from zoo.catalog.tables import DatasetItem

SIDE = case((DatasetItem.split == "val", "validation"), else_=DatasetItem.split)
"""The split that an example is given for, by one name."""


def count_by_label(session: Session, dataset_id: int, *, version: int) -> list[LabelCount]:
    """Examples and distinct contents of each label, by label."""
    rows = session.execute(
        select(DatasetItem.label, func.count(), func.count(DatasetItem.sha256.distinct()))
        .where(DatasetItem.dataset_id == dataset_id, is_in(version))
        .group_by(DatasetItem.label)
        .order_by(DatasetItem.label)
    )
    return [
        LabelCount(label=label, examples=n, contents=different) for label, n, different in rows
    ]


def count_by_split(session: Session, dataset_id: int, *, version: int) -> list[SplitCount]:
    """Examples of each label given for each split; None is for no split."""
    rows = session.execute(
        select(DatasetItem.label, SIDE, func.count())
        .where(DatasetItem.dataset_id == dataset_id, is_in(version))
        .group_by(DatasetItem.label, SIDE)
        .order_by(DatasetItem.label)
    )
    return [SplitCount(label=label, split=split, examples=n) for label, split, n in rows]


def conflicting_labels(
    session: Session, dataset_id: int, *, version: int, limit: int
) -> tuple[int, list[Clash]]:
    """How many contents stand under several labels, and the first of them."""
    return _clashes(session, dataset_id, version, type_coerce(DatasetItem.label, String), limit)


def conflicting_splits(
    session: Session, dataset_id: int, *, version: int, limit: int
) -> tuple[int, list[Clash]]:
    """How many contents are given for several splits, and the first of them."""
    return _clashes(session, dataset_id, version, SIDE, limit)


def _clashes(
    session: Session, dataset_id: int, version: int, said: ColumnElement[str], limit: int
) -> tuple[int, list[Clash]]:
    torn: Select[str] = (
        select(DatasetItem.sha256)
        .where(DatasetItem.dataset_id == dataset_id, is_in(version))
        .group_by(DatasetItem.sha256)
        .having(func.count(said.distinct()) > 1)
        .order_by(DatasetItem.sha256)
    )
    count = session.scalar(select(func.count()).select_from(torn.subquery())) or 0
    shown = list(session.scalars(torn.limit(limit))) if count else []
    rows = session.execute(
        select(DatasetItem.sha256, DatasetItem.name, said)
        .where(DatasetItem.dataset_id == dataset_id, is_in(version))
        .where(DatasetItem.sha256.in_(shown))
        .order_by(DatasetItem.sha256, DatasetItem.pk)
    ).all()
    return count, [
        Clash(
            sha256=sha256,
            said=tuple((name, value) for found, name, value in rows if found == sha256 and value),
        )
        for sha256 in shown
    ]
