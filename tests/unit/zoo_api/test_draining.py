import os
import resource
import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from zoo_api.connections import Connection
from zoo_api.draining import DrainingWorker, Reloads

REQUEST = b"GET / HTTP/1.1\r\nHost: zoo\r\n\r\n"
ASKED = 3


@dataclass(kw_only=True)
class Server:
    """What a worker asks of its server."""

    reloads: Reloads = field(default_factory=Reloads)


class BusyWorker(DrainingWorker):
    """One whose threads answer at once, as far as it matters here."""

    def enqueue_req(self, conn: Connection) -> None:
        conn.close()


class CrowdedWorker(BusyWorker):
    """One with more to answer than half of its threads."""

    def crowd(self) -> float:
        return 0.75


class Asking:
    """An application whose caller asks again as soon as it is answered, a few times."""

    def __init__(self, caller: socket.socket) -> None:
        self._caller = caller
        self.n_answered = 0

    def __call__(self, environ: object, start_response: Callable[..., object]) -> list[bytes]:
        self.n_answered += 1
        if self.n_answered < ASKED:
            self._caller.sendall(REQUEST)
        return answer(environ, start_response)

    @contextmanager
    def on(self, worker: DrainingWorker) -> Iterator[Self]:
        """Once a thread of the worker is done with the caller, whose connection goes on."""
        mine, address = worker.sockets[0].accept()
        conn = Connection(worker.cfg, mine, address, ("zoo", 80), crowd=worker.crowd)
        worker.wsgi = self
        self._caller.sendall(REQUEST)
        assert worker.handle(conn) is True
        yield self
        conn.close()


def answer(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    """The least of applications."""
    start_response("200 OK", [("Content-Length", "0")])
    return []


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """The arbiter's; a worker's stands for the same queue of connections."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def server() -> Server:
    return Server()


@contextmanager
def working(
    kind: type[DrainingWorker], listener: socket.socket, server: Server
) -> Iterator[DrainingWorker]:
    mine, log = listener.dup(), Logger(Config())
    made = kind(1, os.getppid(), [mine], server, 30, Config(), log)
    made.poller = selectors.DefaultSelector()
    made.set_accept_enabled(True)
    yield made
    made.poller.close()
    made.tmp.close()
    mine.close()


@pytest.fixture
def worker(listener: socket.socket, server: Server) -> Iterator[DrainingWorker]:
    with working(BusyWorker, listener, server) as made:
        yield made


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


def test_who_does_not_leave_is_waited_for_by_no_one_but_the_thread(
    worker: DrainingWorker, caller: socket.socket
) -> None:
    caller.sendall(b"GET / HTTP/1.1\r\nHost: zoo\r\nConnection: close\r\n\r\n")
    caller.shutdown(socket.SHUT_WR)
    mine, address = worker.sockets[0].accept()
    conn = Connection(worker.cfg, mine, address, ("zoo", 80), crowd=worker.crowd)
    worker.wsgi = answer

    assert worker.handle(conn) is False
    assert mine.fileno() == -1
    conn.close(graceful=True)  # as the loop does then
    assert caller.recv(15) == b"HTTP/1.1 200 OK"


def test_who_asks_again_at_once_keeps_its_thread(
    worker: DrainingWorker, caller: socket.socket
) -> None:
    with Asking(caller).on(worker) as asking:
        assert asking.n_answered == ASKED


def test_nobody_keeps_a_thread_where_many_are_to_be_answered(
    listener: socket.socket, server: Server, caller: socket.socket
) -> None:
    with working(CrowdedWorker, listener, server) as worker, Asking(caller).on(worker) as asking:
        assert asking.n_answered == 1


def test_a_crowd_is_counted_until_it_is_answered(listener: socket.socket, server: Server) -> None:
    address = listener.getsockname()
    with working(DrainingWorker, listener, server) as worker, worker.get_thread_pool() as pool:
        worker.tpool, loop = pool, worker.method_queue
        loop.init()
        worker.poller.register(loop.fileno(), selectors.EVENT_READ, loop.run_callbacks)
        with socket.create_connection(address), socket.create_connection(address):
            worker.accept(worker.sockets[0])
            assert worker.crowd() == 1
            worker.accept(worker.sockets[0])
            assert worker.crowd() == 2
        while worker.nr_conns:
            worker.wait_for_and_dispatch_events(timeout=1.0)
        assert worker.crowd() == 0
        loop.close()


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
