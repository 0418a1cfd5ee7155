"""The processes of a running service, by the part that they play."""

from collections.abc import Mapping, Sequence

import psutil

from tests.databases import PostgresServer
from tests.live import SANDBOX, LiveService

PARTS: Mapping[str, str] = {
    "api": "zoo_api",
    "keeper": "zoo.jobs.serve",
    "worker": "zoo_workers",
    "predictor": "zoo.inference.serve",
    "broker": "valkey-server",
    "sandbox": SANDBOX,
}
CHILD = "child"
VICTIMS = (*PARTS, CHILD)
"""Whom one can strike: a part's first process, or one of the worker's children."""


def find(service: LiveService, victim: str) -> Sequence[psutil.Process]:
    """The processes that play a part; none while it is starting."""
    if victim == CHILD:
        return service.parts(PARTS["worker"])[1:]
    return service.parts(PARTS[victim])[: None if victim == "sandbox" else 1]


def database_processes(server: PostgresServer) -> list[psutil.Process]:
    """PostgreSQL's first process and all others."""
    first = psutil.Process(int((server.folder / "postmaster.pid").read_text().split()[0]))
    return [first, *first.children(recursive=True)]
