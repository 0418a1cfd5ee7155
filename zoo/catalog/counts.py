"""Counts that only grow: noted within the transactions that they tell of, so never wrong.

They are written at the end of a transaction, in one order: the rows that all processes share are
held for a moment, and nobody waits in a circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from zoo.catalog.rows import add_up
from zoo.catalog.work_tables import Count

_PENDING = "zoo_counts"


@dataclass(frozen=True, kw_only=True)
class CountRecord:
    """How often something has happened since the home was made."""

    name: str
    labels: Mapping[str, str]
    value: int


def note(session: Session, name: str, amount: int = 1, **labels: str) -> None:
    """Count something that happens with this transaction; with 0 nothing."""
    if amount:
        pending: Counter[tuple[str, str]] = session.info.setdefault(_PENDING, Counter())
        pending[name, _spelt(labels)] += amount


def write_counts(session: Session) -> None:
    """Add up what was noted in a transaction that is about to commit."""
    pending: Counter[tuple[str, str]] = session.info.pop(_PENDING, Counter())
    rows = [
        {"name": name, "labels": labels, "value": value}
        for (name, labels), value in sorted(pending.items())
    ]
    add_up(session, Count, rows, key=["name", "labels"], column="value")


def list_counts(session: Session) -> list[CountRecord]:
    """Every count."""
    rows = session.scalars(select(Count).order_by(Count.name, Count.labels))
    return [CountRecord(name=row.name, labels=_read(row.labels), value=row.value) for row in rows]


def _spelt(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _read(labels: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in labels.split(",") if pair)
    return {name: value for name, _, value in pairs}
