"""Questions on kept connections: answered, asked again where one was closed, errors told."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from zoo.connections import Connections


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent; the server counts the connections."""

    protocol_version = "HTTP/1.1"
    closes_silently = False
    announces_close = False

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.announces_close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection |= self.closes_silently

    def log_message(self, *_: object) -> None:
        pass


class Server(HTTPServer):
    n_connections = 0

    def get_request(self) -> tuple[socket.socket, object]:
        self.n_connections += 1
        return super().get_request()


class UnixServer(Server):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)

    def get_request(self) -> tuple[socket.socket, object]:
        self.n_connections += 1
        found, _ = self.socket.accept()
        return found, ("local", 0)


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    handler = type("Handler", (Echo,), {})
    if request.param == "tcp":
        found = Server(("127.0.0.1", 0), handler)
    else:
        found = UnixServer(str(tmp_path / "s"), handler)  # type: ignore[arg-type]  # a path, here
    with found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield found
        found.shutdown()


@pytest.fixture
def connections(server: Server) -> Iterator[Connections]:
    address = server.server_address
    url = f"unix://{address}" if isinstance(address, str) else f"http://127.0.0.1:{address[1]}"
    found = Connections(url, timeout_s=5)
    yield found
    found.close()


def test_questions_in_turn_share_a_connection(connections: Connections, server: Server) -> None:
    assert connections.post("/a", b"first") == b"first"
    assert connections.post("/a", b"x" * 1_000_000) == b"x" * 1_000_000
    assert connections.get("/livez") == 200
    assert server.n_connections == 1


def test_a_connection_closed_meanwhile_is_replaced(
    connections: Connections, server: Server
) -> None:
    server.RequestHandlerClass.closes_silently = True  # type: ignore[attr-defined]  # Echo's
    assert [connections.post("/a", bytes([n])) for n in range(3)] == [b"\0", b"\1", b"\2"]
    assert server.n_connections == 3


def test_a_connection_that_is_announced_to_close_is_not_kept(
    connections: Connections, server: Server
) -> None:
    server.RequestHandlerClass.announces_close = True  # type: ignore[attr-defined]  # Echo's
    connections.post("/a", b"first")
    assert not connections._idle
    assert connections.post("/a", b"second") == b"second"


def test_nobody_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Connections(f"unix://{tmp_path / 'none'}", timeout_s=1).post("/a", b"")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConnectionRefusedError):
            Connections(url, timeout_s=1).get("/livez")


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TimeoutError):
            Connections(url, timeout_s=0.1).get("/livez")
