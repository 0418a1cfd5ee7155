"""Shards whose holder is struck, on one machine and on two nodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import Cluster, cluster
from tests.faults.claims import await_that, claimed_anew, holder, last_held
from tests.faults.topology import Seasoned, Struck
from tests.faults.victims import PARTS
from tests.live import kill
from zoo.settings import Settings

TIMES = {"BEAT_EVERY": 3.0, "BEAT_LOST": 9.0, "RECONCILE_EVERY": 1.0}
"""The settings' own, which the figures are of."""
HANG = "embed.reading:1:hang"
"""Has the first shard of a home held until its process is struck; nothing else hangs."""


@contextmanager
def two_nodes(seasoned: Seasoned, tmp_path: Path, fault: str) -> Iterator[Struck]:
    """The processes of a service started one by one, with a second keeper and worker."""
    with one_by_one(seasoned, tmp_path, fault=fault) as (struck, _):
        yield struck


@contextmanager
def one_by_one(
    seasoned: Seasoned, tmp_path: Path, *, fault: str = ""
) -> Iterator[tuple[Struck, Cluster]]:
    """The same, and where more of them can be started."""
    with seasoned.struck(tmp_path, ZOO_FAULT=fault) as struck:
        url = struck.checker.settings.resolved_database_url
        usual = {f"ZOO_{name}_S": str(seconds) for name, seconds in TIMES.items()}
        more = {**struck.service.settings, **usual, "ZOO_DATABASE_URL": url}
        more["ZOO_WORKER_PROCESSES"] = "1"
        with cluster(struck.service.home, url, more) as nodes:
            for part in ("keeper", "keeper", "worker", "worker", "predictor"):
                nodes.start(PARTS[part])
            struck.service.process = nodes.start(PARTS["api"], ZOO_PORT=str(struck.service.port))
            await_that(struck.service.is_ready)
            yield struck, nodes


def strike_holder(settings: Settings, victim: str) -> float:
    """Kill who holds the last shard: a child, its worker, or its node, which does not come back.

    Returns the seconds until somebody else has claimed the shard.
    """
    held = last_held(settings)
    child = holder(held)
    worker = child.parent()
    assert worker is not None
    struck = {
        "child": [child],
        "worker": [worker],
        "node": [*worker.children(recursive=True), worker],
    }
    kill(struck[victim])
    return claimed_anew(settings, held)
