import logging
import os
import resource
import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from zoo_api.draining import DrainingWorker, Reloads


@dataclass(kw_only=True)
class Server:
    """What a worker asks of its server."""

    reloads: Reloads = field(default_factory=Reloads)


class BusyWorker(DrainingWorker):
    """One whose threads answer at once, as far as it matters here."""

    def enqueue_req(self, conn: TConn) -> None:
        conn.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """The arbiter's; a worker's stands for the same queue of connections."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def worker(listener: socket.socket, server: Server) -> Iterator[DrainingWorker]:
    mine, log = listener.dup(), logging.getLogger("worker")
    made = BusyWorker(1, os.getppid(), [mine], server, 30, Config(), log)
    made.poller = selectors.DefaultSelector()
    made.set_accept_enabled(True)
    yield made
    made.poller.close()
    made.tmp.close()
    mine.close()


@pytest.fixture
def caller(listener: socket.socket) -> Iterator[socket.socket]:
    with socket.create_connection(listener.getsockname()) as made:
        yield made


def stop(worker: DrainingWorker) -> None:
    worker.alive = False
    worker.set_accept_enabled(False)


@pytest.mark.usefixtures("caller")
def test_who_has_connected_before_it_stops_is_taken_in(worker: DrainingWorker) -> None:
    stop(worker)

    assert (worker.nr_conns, worker.sockets) == (1, [])


@pytest.mark.usefixtures("caller")
def test_one_that_is_replaced_leaves_who_waits_to_its_successor(
    worker: DrainingWorker, server: Server, listener: socket.socket
) -> None:
    server.reloads.note(None)
    stop(worker)

    assert (worker.nr_conns, worker.sockets) == (0, [])
    listener.accept()[0].close()


@pytest.mark.usefixtures("caller")
def test_without_room_for_another_connection_it_goes_on(
    worker: DrainingWorker, listener: socket.socket
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        worker.accept(worker.sockets[0])
        assert worker.nr_conns == 0
        stop(worker)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (worker.nr_conns, worker.sockets) == (0, [])
    listener.accept()[0].close()
