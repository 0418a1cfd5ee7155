"""How things stand at this moment: what waits, what runs, and who is there to do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from zoo.catalog.jobs import LIVE
from zoo.catalog.shards import OPEN
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Job, Outbox, Shard


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many there are of one kind in one state."""

    kind: str
    state: str
    n: int


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waits, and for how long what came first has."""

    n: int
    age_s: float


def live_jobs(session: Session) -> list[Tally]:
    """Jobs that have not ended, by type and state."""
    rows = session.execute(
        select(Job.type, Job.state, func.count())
        .where(Job.state.in_(LIVE))
        .group_by(Job.type, Job.state)
    )
    return [Tally(kind=kind, state=state, n=n) for kind, state, n in rows]


def open_shards(session: Session) -> list[Tally]:
    """Shards that are queued or running, by queue and state."""
    rows = session.execute(
        select(Shard.queue, Shard.state, func.count())
        .where(Shard.state.in_(OPEN))
        .group_by(Shard.queue, Shard.state)
    )
    return [Tally(kind=queue, state=state, n=n) for queue, state, n in rows]


def waiting_jobs(session: Session) -> Waiting:
    """Jobs of which nothing has been begun."""
    statement = select(func.count(), func.min(Job.created_at)).where(Job.state == "queued")
    return _waiting(*session.execute(statement).one())


def waiting_wake_ups(session: Session) -> Waiting:
    """Wake-ups that are due and that no keeper has published."""
    due = select(func.count(), func.min(Outbox.due_at)).where(Outbox.due_at <= now())
    return _waiting(*session.execute(due).one())


def _waiting(n: int, oldest: datetime | None) -> Waiting:
    age_s = (now() - oldest).total_seconds() if oldest else 0.0
    return Waiting(n=n, age_s=max(age_s, 0.0))
