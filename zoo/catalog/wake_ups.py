"""The wake-ups that the keeper publishes: which shards messages are to be sent for, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from zoo.catalog.rows import chunks, table_of
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Outbox, Shard

LONGEST_DELAY = timedelta(minutes=2)
"""More than any wake-up is ever delayed by."""

_SHARDS = table_of(Shard)
_OUTBOX = table_of(Outbox)
_ADD = insert(_OUTBOX)
_ARE_NAMED = _SHARDS.c.id.in_(bindparam("shards", expanding=True))
_NAMED = select(_SHARDS.c.id).where(_ARE_NAMED)
_NAMED_AND_FREE = _NAMED.with_for_update(skip_locked=True, key_share=True)
_NOTE_ANNOUNCED = update(_SHARDS).where(_ARE_NAMED)
_PAUSE = select(_OUTBOX.c.id).where(
    _OUTBOX.c.shard_id == bindparam("shard"),
    _OUTBOX.c.due_at > bindparam("now"),
    _OUTBOX.c.due_at <= bindparam("latest"),
)
_FORGET_WAKE_UPS = delete(_OUTBOX).where(_OUTBOX.c.id.in_(bindparam("wake_ups", expanding=True)))


def add_wake_up(session: Session, shard_id: int, queue: str, *, delay_s: float) -> None:
    """Have a shard rung for after a delay."""
    due = now() + timedelta(seconds=delay_s)
    session.execute(_ADD, {"shard_id": shard_id, "queue": queue, "due_at": due})


def take_due(session: Session, limit: int) -> list[tuple[int, int, str]]:
    """The oldest wake-ups that are due: outbox id, shard id, queue."""
    instant = now()
    rows = session.execute(
        _due(), {"now": instant, "latest": instant + LONGEST_DELAY, "limit": limit}
    )
    return [(row.id, row.shard_id, row.queue) for row in rows]


@cache
def _due() -> Select[int, int, str]:
    """Made once, as the keeper asks several times a second; see `_is_past`."""
    return (
        select(Outbox.id, Outbox.shard_id, Outbox.queue)
        .where(
            or_(Outbox.due_at <= bindparam("now"), Outbox.due_at > bindparam("latest")),
        )
        .order_by(Outbox.id)
        .limit(bindparam("limit"))
    )


def clear(session: Session, rows: Sequence[tuple[int, int, str]]) -> None:
    """Forget wake-ups that were published, and note when their shards were announced.

    A shard that somebody holds at this moment keeps its wake-up and is rung for once more: it is
    most likely being claimed, and the keeper never waits for a worker.
    """
    for chunk in chunks(rows):
        asked = {"shards": [row[1] for row in chunk]}
        known = set(session.scalars(_NAMED, asked))
        free = set(session.scalars(_NAMED_AND_FREE, asked))
        rung = [row[0] for row in chunk if row[1] in free or row[1] not in known]
        session.execute(_FORGET_WAKE_UPS, {"wake_ups": rung})
        session.execute(_NOTE_ANNOUNCED, {"shards": sorted(free), "announced_at": now()})


def is_pausing(session: Session, shard_id: int) -> bool:
    """Whether a shard that was put back is to be rung for only later."""
    instant = now()
    asked = {"shard": shard_id, "now": instant, "latest": instant + LONGEST_DELAY}
    return session.execute(_PAUSE, asked).first() is not None


def queues_to_announce(session: Session, *, before: datetime) -> list[str]:
    """Queues with a shard that was announced before an instant and never taken."""
    statement = (
        select(Shard.queue)
        .where(Shard.state == "queued", _is_past(Shard.announced_at, before))
        .distinct()
        .order_by(Shard.queue)
    )
    return list(session.scalars(statement))


def announce_again(session: Session, queue: str, *, before: datetime, limit: int) -> int:
    """Ring once more for shards of a queue whose message may have been lost; returns how many."""
    rows = session.execute(
        select(Shard.id)
        .where(Shard.state == "queued", Shard.queue == queue, _is_past(Shard.announced_at, before))
        .order_by(Shard.id)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    ).scalars()
    late = list(rows)
    session.add_all(Outbox(shard_id=shard_id, queue=queue, due_at=now()) for shard_id in late)
    for chunk in chunks(late):
        session.execute(update(Shard).where(Shard.id.in_(chunk)).values(announced_at=None))
    return len(late)


def _is_past(instant: InstrumentedAttribute[Any], limit: datetime) -> ColumnElement[bool]:
    """Whether an instant is past, or so far ahead that the clock has been set back since."""
    return or_(instant <= limit, instant > now() + LONGEST_DELAY)
