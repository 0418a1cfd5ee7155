"""PostgreSQL crashes, or stands still: what was accepted is done all the same."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import PostgresServer
from tests.faults.at_work import at_work
from tests.faults.topology import season
from tests.faults.victims import database_processes
from tests.faults.workloads import fine_tune, send_files
from tests.live import kill

pytestmark = pytest.mark.slow

STANDS_STILL_S = 5.0


def crash(server: PostgresServer) -> None:
    """One of its processes dies: it ends all connections at once and recovers from its log."""
    kill(database_processes(server)[-1:])


def stand_still(server: PostgresServer) -> None:
    stopped = database_processes(server)
    kill(stopped, signal.SIGSTOP)
    time.sleep(STANDS_STILL_S)
    kill(stopped, signal.SIGCONT)


@pytest.mark.parametrize("happen", [crash, stand_still])
def test_a_database_may_come_to_grief_and_no_job_does(
    postgres: PostgresServer, tmp_path: Path, happen: Callable[[PostgresServer], None]
) -> None:
    # The tests' server is quick to forget; a real one keeps what it has committed.
    postgres.execute("ALTER SYSTEM SET synchronous_commit = on")
    postgres.execute("SELECT pg_reload_conf()")
    seasoned = season(tmp_path, postgres)
    (tmp_path / "struck").mkdir()
    with seasoned.struck(tmp_path / "struck", ZOO_UNAVAILABLE_WAIT_S="60") as struck:
        struck.service.start()
        for work in (send_files, fine_tune):
            with at_work(struck, work):
                happen(postgres)
        struck.checker.check(struck.asked)
        struck.end()
