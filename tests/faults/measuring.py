"""How long one waits while something is dead or down, many times over: anyone can run it.

    python -m tests.faults.measuring [--times 20] [--only child worker ...]

On the tiny backbone: how soon others take up what the dead were doing, and how soon a request is
answered while the broker or PostgreSQL is down. It fails with whatever a blow did cost, and with
an answer that is not the one that is promised.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from signal import SIGCONT, SIGQUIT, SIGSTOP

import httpx
import psutil

from benchmarks.contest import tables
from tests.databases import PostgresServer, postgres_server
from tests.faults.at_work import at_work
from tests.faults.nodes import HANG, strike_holder, two_nodes
from tests.faults.tables import times_table
from tests.faults.topology import Struck, season
from tests.faults.victims import database_processes, find
from tests.faults.workloads import N
from tests.live import kill
from zoo.faults import FOLDER, parse_fault
from zoo.testing import tiny
from zoo.testing.pictures import picture

NOBODY = "redis://127.0.0.1:1"
COLLECTION = "/v1/collections/c"
TIMEOUT_S = 60.0
HEAD = "dead or down | times | after"


def main() -> None:
    """Measure, and print a table and the machine."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.measuring")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    asked = parser.parse_args()
    found = []
    for name in asked.only:
        with tempfile.TemporaryDirectory(prefix="zoo-measuring-") as folder:
            found.append((name, MEASURES[name](Path(folder), asked.times)))
        sys.stderr.write(f"{name}: {' '.join(f'{one:.2f}' for one in found[-1][1])}\n")
    sys.stdout.write(f"{tables.machine()}\n\n{times_table(HEAD, found)}\n")


def of_child(folder: Path, times: int) -> list[float]:
    """Until another child has claimed the shard of one that was killed."""
    with season(folder, None, pool=N * times).struck(made(folder), ZOO_FAULT=HANG) as struck:
        struck.service.start()
        struck.asked.firsts = cycle(range(1, N * times, N))
        found = [blow(struck, "child") for _ in range(times)]
        struck.checker.check(struck.asked)
        struck.end()
    return found


def of_worker(folder: Path, times: int) -> list[float]:
    """Until a child of the worker that took its place has; each time of a new service.

    Who dies again and again is started again ever later.
    """
    seasoned, found = season(folder, None), []
    for _ in range(times):
        with seasoned.struck(made(folder), ZOO_FAULT=HANG) as struck:
            struck.service.start()
            found.append(blow(struck, "worker"))
            struck.checker.check(struck.asked)
            struck.end()
    return found


def of_node(folder: Path, times: int) -> list[float]:
    """Until another node has claimed the shard of one that does not come back."""
    seasoned, found = season(folder, None), []
    for _ in range(times):
        with two_nodes(seasoned, made(folder), HANG) as struck:
            found.append(blow(struck, "node"))
            struck.checker.check(struck.asked)
    return found


def of_broker(folder: Path, times: int) -> list[float]:
    """Until a job is accepted while nobody listens where the broker should be."""
    with season(folder, None).struck(made(folder), ZOO_BROKER_URL=NOBODY) as struck:
        ready(struck)
        return submit(struck, times, HTTPStatus.ACCEPTED)


def of_silent_broker(folder: Path, times: int) -> list[float]:
    """Until a job is accepted while the broker stands still."""
    with season(folder, None).struck(made(folder)) as struck:
        ready(struck)
        broker = find(struck.service, "broker")
        kill(broker, SIGSTOP)
        found = submit(struck, times, HTTPStatus.ACCEPTED)
        kill(broker, SIGCONT)
    return found


def of_database(folder: Path, times: int) -> list[float]:
    """Until a job is refused when PostgreSQL was stopped at once."""
    return refused(folder, times, stopped)


def of_silent_database(folder: Path, times: int) -> list[float]:
    """Until a job is refused while PostgreSQL stands still."""
    return refused(folder, times, standing_still)


def refused(
    folder: Path, times: int, down: Callable[[PostgresServer], AbstractContextManager[None]]
) -> list[float]:
    """How long requests wait while the database is down in a way."""
    with postgres_server() as server, season(folder, server).struck(made(folder)) as struck:
        ready(struck)
        submit(struck, 1, HTTPStatus.ACCEPTED)
        with down(server):
            return submit(struck, times, HTTPStatus.SERVICE_UNAVAILABLE)


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """Stop a database at once, for good."""
    first, *others = database_processes(server)
    kill([first], SIGQUIT)
    psutil.wait_procs([first, *others], TIMEOUT_S)
    yield


@contextmanager
def standing_still(server: PostgresServer) -> Iterator[None]:
    """Stop all processes of a database until the block ends."""
    processes = database_processes(server)
    kill(processes, SIGSTOP)
    try:
        yield
    finally:
        kill(processes, SIGCONT)


def blow(struck: Struck, victim: str) -> float:
    """Kill who holds a shard of new work, and see the work through."""
    (struck.service.home / FOLDER / parse_fault(HANG).point).unlink(missing_ok=True)
    with at_work(struck):
        return strike_holder(struck.checker.settings, victim)


def ready(struck: Struck) -> None:
    """Start a service, and make the collection that jobs are for."""
    struck.service.start()
    struck.asked.stranger.put(COLLECTION, {"model": tiny.MODEL})


def submit(struck: Struck, times: int, status: HTTPStatus) -> list[float]:
    """Seconds until each of so many small jobs is answered with a status, one after the other."""
    base = f"http://127.0.0.1:{struck.service.port}"
    headers = {"Content-Type": "image/jpeg"}
    found = []
    with httpx.Client(base_url=base, timeout=TIMEOUT_S, trust_env=False) as client:
        for number in range(times):
            content = picture(number)
            began = time.monotonic()
            answer = client.post(f"{COLLECTION}/items", content=content, headers=headers)
            found.append(time.monotonic() - began)
            assert answer.status_code == status, answer.text
    return found


def made(folder: Path) -> Path:
    """A new folder in one."""
    return Path(tempfile.mkdtemp(dir=folder))


MEASURES: Mapping[str, Callable[[Path, int], list[float]]] = {
    "child": of_child,
    "worker": of_worker,
    "node": of_node,
    "broker": of_broker,
    "broker, silent": of_silent_broker,
    "database": of_database,
    "database, silent": of_silent_database,
}


if __name__ == "__main__":
    main()
