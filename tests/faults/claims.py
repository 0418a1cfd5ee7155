"""Who does what at this moment, read from the catalog beside the service."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing

import psutil
from sqlalchemy import select

from zoo.catalog import open_unpooled, workers
from zoo.catalog.records import ShardRecord
from zoo.catalog.rows import as_record
from zoo.catalog.shards import OPEN
from zoo.catalog.work_tables import Shard
from zoo.jobs.keeper import LEASE
from zoo.jobs.presence import parse_presence
from zoo.settings import Settings

POLL_S = 0.02
PATIENCE_S = 60.0


def unfinished(settings: Settings, kind: str = "embed") -> list[ShardRecord]:
    """The shards of a kind that wait or that somebody holds."""
    with closing(open_unpooled(settings.resolved_database_url)) as catalog, catalog.read() as one:
        rows = one.scalars(select(Shard).where(Shard.state.in_(OPEN), Shard.kind == kind))
        return [as_record(ShardRecord, row) for row in rows]


def last_held(settings: Settings, kind: str = "embed") -> ShardRecord:
    """Wait until all shards of a kind are done but one, which somebody holds."""

    def is_alone() -> bool:
        left = unfinished(settings, kind)
        return len(left) == 1 and left[0].pid is not None

    await_that(is_alone)
    [held] = unfinished(settings, kind)
    return held


def claimed_anew(settings: Settings, held: ShardRecord, *, timeout_s: float = 60.0) -> float:
    """Wait until somebody else has claimed a shard; the seconds that it took."""
    began = time.monotonic()
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:

        def token() -> int:
            with catalog.read() as session:
                return session.scalars(select(Shard.token).where(Shard.id == held.id)).one()

        await_that(lambda: token() > held.token, timeout_s=timeout_s)
    return time.monotonic() - began


def await_that(holds: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(POLL_S)


def held_by(settings: Settings, pids: Collection[int]) -> list[ShardRecord]:
    """The shards that these processes hold."""
    with closing(open_unpooled(settings.resolved_database_url)) as catalog, catalog.read() as one:
        rows = one.scalars(select(Shard).where(Shard.state == "running", Shard.pid.in_(pids)))
        return [as_record(ShardRecord, row) for row in rows]


def taken_over(settings: Settings, held: Sequence[ShardRecord], *, began: float) -> list[float]:
    """Wait until others have claimed the shards of the dead; seconds since an instant, for each.

    Of a shard that was closed as its process died, or given up for good, there is nothing to say.
    """
    left = {one.id: one.token for one in held}
    seconds = []
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:
        deadline = time.monotonic() + PATIENCE_S
        while left:
            assert time.monotonic() < deadline, f"nobody takes these over: {left}"
            time.sleep(POLL_S)
            with catalog.read() as session:
                rows = list(session.scalars(select(Shard).where(Shard.id.in_(left))))
            taken = [row.id for row in rows if row.token > left[row.id]]
            seconds += [time.monotonic() - began for _ in taken]
            closed = [row.id for row in rows if row.state not in OPEN]
            for shard_id in {*taken, *closed}:
                del left[shard_id]
    return seconds


def holder(held: ShardRecord) -> psutil.Process:
    """The process that holds a shard."""
    assert held.pid is not None
    return psutil.Process(held.pid)


def leader(settings: Settings) -> int:
    """The process id of the keeper that leads; 0 while none does."""
    with closing(open_unpooled(settings.resolved_database_url)) as catalog, catalog.read() as one:
        found = workers.read_lease(one, LEASE)
    holder = parse_presence(found[0]) if found else None
    return holder.pid if holder else 0
