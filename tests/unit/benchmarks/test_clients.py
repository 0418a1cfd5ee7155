import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from benchmarks.contest.clients import NotServedError, Target, press


class Embedding(BaseHTTPRequestHandler):
    """Answers a picture with no vector, and anything else with 422."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if b"picture" in body else 422)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Embedding) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("is_form", [False, True])
def test_every_request_is_sent_once_by_some_client(port: int, is_form: bool):
    target = Target(port=port, path="/", is_form=is_form)

    load = press(target, psutil.Process(), [b"a picture"], clients=3, requests=20)

    assert load.clients == 3
    assert 0 < load.p50_ms <= load.p99_ms
    assert load.rate > 0


def test_an_answer_that_is_no_success_ends_the_contest(port: int):
    target = Target(port=port, path="/", is_form=False)

    with pytest.raises(NotServedError, match=r"it answered 422: b'\[\]'"):
        press(target, psutil.Process(), [b"a text"], clients=1, requests=1)
