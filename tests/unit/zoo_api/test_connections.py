import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # it ships none
from gunicorn.http.body import Body, LengthReader  # type: ignore[import-untyped]  # it ships none
from werkzeug.exceptions import RequestTimeout

from zoo_api import connections
from zoo_api.bodies import CheckedBody
from zoo_api.connections import Connection, PatientUnreader, StalledError

SILENT_S = 0.3
LENGTH = 8
LONG, ROOM = 20_000_000, 300_000  # bytes: an answer, and what its reader's system keeps


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SILENT_S", SILENT_S)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A caller's end of a connection, and ours."""
    caller, ours = socket.socketpair()
    with caller, ours:
        yield caller, ours


def body(ours: socket.socket, *, crowd: float = 1) -> CheckedBody:
    unreader = PatientUnreader(ours, crowd=lambda: crowd)
    whole = cast("BinaryIO", Body(LengthReader(unreader, LENGTH)))
    return CheckedBody(whole, LENGTH)


def send_slowly(caller: socket.socket, *, in_s: float) -> threading.Thread:
    """Send a whole body byte by byte."""

    def send() -> None:
        for _ in range(LENGTH):
            time.sleep(in_s / LENGTH)
            caller.sendall(b"x")

    sending = threading.Thread(target=send)
    sending.start()
    return sending


def test_a_body_that_stops_is_waited_for_once_and_is_the_senders_fault(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    caller, ours = ends
    caller.sendall(b"half")
    given = body(ours)
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(RequestTimeout) as caught:
            given.read(LENGTH)
        assert caught.value.description == "the body did not come: nothing came for too long"
    assert SILENT_S <= time.monotonic() - began < 2 * SILENT_S
    assert ours.gettimeout() is None


def test_a_body_that_comes_slowly_may_take_longer_than_a_silence(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    caller, ours = ends
    sending = send_slowly(caller, in_s=2 * SILENT_S)
    assert body(ours).read(LENGTH) == b"x" * LENGTH
    sending.join()


def test_a_body_that_comes_slowly_gives_way_to_those_who_wait(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    caller, ours = ends
    sending = send_slowly(caller, in_s=2 * SILENT_S)
    with pytest.raises(RequestTimeout) as caught:
        body(ours, crowd=1.1).read(LENGTH)
    sending.join()
    assert caught.value.description in {
        "the body did not come: nothing came for too long",
        "the body did not come: at less than 1000 bytes a second while others wait",
    }


def test_the_more_wait_the_less_a_body_is_waited_for(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    _, ours = ends
    began = time.monotonic()
    with pytest.raises(RequestTimeout):
        body(ours, crowd=10).read(LENGTH)
    assert time.monotonic() - began < SILENT_S


def test_a_body_that_comes_fast_enough_is_taken_in_however_many_wait(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    caller, ours = ends
    reading = PatientUnreader(ours, crowd=lambda: 1.1)
    for _ in range(3):
        caller.sendall(bytes(int(connections.LEAST_BYTES_S * SILENT_S)))
        time.sleep(SILENT_S / 2)
        assert reading.read()


def test_gunicorns_own_haste_is_kept(ends: tuple[socket.socket, socket.socket]) -> None:
    _, ours = ends
    ours.settimeout(0.01)
    began = time.monotonic()
    with pytest.raises(StalledError):
        PatientUnreader(ours, crowd=lambda: 1).read()
    assert time.monotonic() - began < SILENT_S
    assert ours.gettimeout() == 0.01


@pytest.fixture
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A caller's end of a real connection, with little room for what comes, and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        caller.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            yield caller, ours


def take_in(ours: socket.socket) -> None:
    """As a thread of gunicorn's has it that answers."""
    Connection(Config(), ours, ours.getpeername(), ours.getsockname(), crowd=lambda: 0)
    ours.setblocking(True)


def test_an_answer_that_is_not_read_is_given_up(
    connected: tuple[socket.socket, socket.socket],
) -> None:
    _, ours = connected
    take_in(ours)
    with pytest.raises(TimeoutError):
        ours.sendall(bytes(LONG))


@pytest.mark.slow  # in pauses that a busy machine does not make as long as a silence
def test_an_answer_that_is_read_slowly_is_not_given_up(
    connected: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SILENT_S", 3.0)
    caller, ours = connected
    caller.settimeout(10)
    take_in(ours)
    began = time.monotonic()

    def read() -> None:
        while time.monotonic() - began < 6 and caller.recv(ROOM):
            time.sleep(0.2)
        while caller.recv(LONG):
            continue

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read)
        ours.sendall(bytes(LONG))
        assert time.monotonic() - began >= 6
        ours.shutdown(socket.SHUT_WR)
        reading.result()
