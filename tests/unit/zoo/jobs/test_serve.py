"""The keeper's loop: it looks at what waits when something was written, or has become due."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from zoo.catalog import Catalog, deleted, open_catalog, shards
from zoo.catalog.records import JobRecord
from zoo.jobs import serve
from zoo.jobs.keeper import Keeper
from zoo.jobs.serve import Relay
from zoo.settings import Settings

Submit = Callable[[int], JobRecord]


@dataclass(kw_only=True)
class Bell:
    rung: list[int] = field(default_factory=list)

    def ring(self, shard_id: int, _queue: str) -> None:
        self.rung.append(shard_id)


@pytest.fixture
def database_url() -> str:
    """SQLite alone: PostgreSQL is asked at every turn."""
    return ""


def test_what_another_process_writes_is_published_at_the_next_turn(
    settings: Settings, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LOOK_ANYWAY_S", 1000)
    other = open_catalog(settings.resolved_database_url)
    bell = Bell()
    relay = Relay(other, Keeper(other, settings, ring=bell.ring))
    relay.run()
    relay.run()
    assert bell.rung == []
    submit(30)
    relay.run()
    assert len(bell.rung) > 1
    n = len(bell.rung)
    relay.run()
    assert len(bell.rung) == n
    other.close()


def test_what_becomes_due_is_published_without_a_write(
    catalog: Catalog, settings: Settings, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LOOK_ANYWAY_S", 0)
    bell = Bell()
    job = submit(1)
    with catalog.write() as session:
        late = shards.add_shard(session, job.id, "embed", arguments={}, delay_s=0.2)
    relay = Relay(catalog, Keeper(catalog, settings, ring=bell.ring))
    relay.run()
    assert late not in bell.rung
    while late not in bell.rung:
        relay.run()


@pytest.mark.usefixtures("left_over")
def test_the_keeper_goes_on_with_what_was_deleted(catalog: Catalog, settings: Settings) -> None:
    stop = threading.Event()
    keeping = threading.Thread(
        target=serve.keep, args=(replace(settings, stalled_s=0), stop), daemon=True
    )
    keeping.start()
    while is_left(catalog) and keeping.is_alive():
        stop.wait(0.01)
    stop.set()
    keeping.join()
    assert not is_left(catalog)


def is_left(catalog: Catalog) -> bool:
    with catalog.read() as session:
        return bool(deleted.leftovers(session))
