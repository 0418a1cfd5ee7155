"""Questions on kept connections: answered, asked again where one was closed, errors told."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zoo.connections import Connections, receive_message, send_message


class Echo:
    """Answers with what it was asked; counts the connections."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.n_connections = 0
        self.is_closing = False  # after each answer, without a word
        self.deaths = 0  # how often it breaks off before it answers

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.n_connections += 1
            threading.Thread(target=self.answer, args=(connection,)).start()

    def answer(self, connection: socket.socket) -> None:
        with connection:
            while True:
                try:
                    question = bytes(receive_message(connection))
                    if self.deaths:
                        self.deaths -= 1
                        return
                    send_message(connection, question)
                except ConnectionError:
                    return
                if self.is_closing:
                    return


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


@pytest.fixture(params=["tcp", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "unix":
        return f"unix://{tmp_path / 's'}"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def server(url: str) -> Iterator[Echo]:
    if url.startswith("unix"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(url.removeprefix("unix://"))
        listener.listen()
    else:
        listener = socket.create_server(("127.0.0.1", int(url.rpartition(":")[2])))
    echo = Echo(listener)
    thread = threading.Thread(target=echo.run)
    thread.start()
    yield echo
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def connections(url: str, server: Echo) -> Iterator[Connections]:
    assert server.n_connections == 0
    found = Connections(url, timeout_s=5)
    yield found
    found.close()


def test_questions_in_turn_share_a_connection(connections: Connections, server: Echo) -> None:
    assert connections.ask(b"first") == b"first"
    assert connections.ask(b"x" * 3_000_000) == b"x" * 3_000_000
    assert connections.ask(b"") == b""
    assert server.n_connections == 1


def test_a_connection_closed_meanwhile_is_replaced(connections: Connections, server: Echo) -> None:
    server.is_closing = True
    assert [connections.ask(bytes([n])) for n in range(3)] == [b"\0", b"\1", b"\2"]
    assert server.n_connections == 3


@pytest.mark.parametrize(("deaths", "is_answered"), [(1, True), (2, True), (3, False)])
def test_a_question_that_its_answerer_dies_over_is_asked_three_times(
    connections: Connections, server: Echo, deaths: int, is_answered: bool
) -> None:
    server.deaths = deaths
    if is_answered:
        assert connections.ask(b"x") == b"x"
    else:
        with pytest.raises(ConnectionResetError):
            connections.ask(b"x")
    assert server.n_connections == min(deaths + 1, 3)


def test_who_takes_the_place_of_one_that_died_over_a_question_is_waited_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s"
    answers: list[bytearray] = []
    with closing(Connections(f"unix://{path}", timeout_s=5)) as asked:
        asking = threading.Thread(target=lambda: answers.append(asked.ask(b"x")))
        with listening(path) as first:
            asking.start()
            with first.accept()[0] as connection:
                receive_message(connection)
                path.unlink()
                first.close()
        with listening(path) as second, second.accept()[0] as connection:
            send_message(connection, bytes(receive_message(connection)))
            asking.join()

    assert answers == [b"x"]


def test_who_has_no_successor_is_an_os_error_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    asked = Connections(f"unix://{path}", timeout_s=0.1)
    with closing(asked), listening(path) as first:
        ended = threading.Thread(target=lambda: (first.accept()[0].close(), path.unlink()))
        ended.start()
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            asked.ask(b"x" * 3_000_000)
        ended.join()


def test_nobody_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Connections(f"unix://{tmp_path / 'none'}", timeout_s=1).ask(b"")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConnectionRefusedError):
            Connections(url, timeout_s=1).ask(b"")


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TimeoutError):
            Connections(url, timeout_s=0.1).ask(b"")


def test_what_speaks_another_protocol_is_not_read() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"HTTP/1.1 400 Bad Request\r\n")
        (announced,) = struct.unpack("!Q", b"HTTP/1.1")
        with pytest.raises(ConnectionAbortedError) as caught:
            receive_message(here)
    assert str(caught.value) == f"a message of {announced} bytes is none of ours"


def test_a_message_that_is_cut_off_is_none() -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(struct.pack("!Q", 5) + b"abc")
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError) as caught:
            receive_message(here)
    assert str(caught.value) == "the other side has closed the connection"
