"""Connections are answered side by side, and what was asked is answered before the end."""

import os
import signal
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from zoo.connections import Connections, receive_message, send_message
from zoo.errors import StartError
from zoo.inference import listening
from zoo.inference.listening import Listening, listen


class Told(BaseException):
    """As a signal's handler raises."""


@contextmanager
def answered_by(answer: Callable[[bytearray], bytes]) -> Iterator[tuple[str, Listening]]:
    """The address of what answers, with nothing that stops it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"unix://{folder}/s"
        listener = listen(url)
        found = Listening(listener, answer=answer)

        def run() -> None:
            with pytest.raises(OSError):  # noqa: PT011  # when the socket is closed
                found.run()

        thread = threading.Thread(target=run)
        thread.start()
        yield url, found
        listener.close()
        with socket.socket(socket.AF_UNIX) as last:  # lets `accept` return
            last.connect_ex(f"{folder}/s")
        thread.join()


def test_a_slow_answer_keeps_nobody_else_waiting() -> None:
    is_over = threading.Event()

    def answer(question: bytearray) -> bytes:
        if question == b"slow":
            is_over.wait(10)
        return bytes(question)

    with answered_by(answer) as (url, _):
        asking = Connections(url, timeout_s=10)
        found: list[bytes] = []
        slow = threading.Thread(target=lambda: found.append(asking.ask(b"slow")))
        slow.start()
        assert asking.ask(b"quick") == b"quick"
        is_over.set()
        slow.join()
        assert found == [b"slow"]
        asking.close()


def test_what_was_asked_is_answered_though_it_stops() -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def answer(question: bytearray) -> bytes:
        is_asked.set()
        may_answer.wait(10)
        return bytes(question)

    with answered_by(answer) as (url, found):
        asking = Connections(url, timeout_s=10)
        answers: list[bytes] = []
        thread = threading.Thread(target=lambda: answers.append(asking.ask(b"last")))
        thread.start()
        assert is_asked.wait(10)
        stopping = threading.Thread(target=lambda: found.stop(grace_s=10))
        stopping.start()
        may_answer.set()
        stopping.join()
        thread.join()
        assert answers == [b"last"]
        asking.close()


def test_who_asks_nothing_does_not_hold_up_the_end() -> None:
    with answered_by(bytes) as (url, found):
        asking = Connections(url, timeout_s=10)
        asking.ask(b"once")
        began = time.monotonic()
        found.stop(grace_s=10)
        assert time.monotonic() - began < 5
        asking.close()


def test_one_that_was_killed_and_is_there_again_is_found_by_itself() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"unix://{folder}/s"
        asking = Connections(url, timeout_s=10)
        for life in (b"first", b"second"):
            with listen(url) as listener, ThreadPoolExecutor(1) as threads:
                answered = threads.submit(answer_one, listener, life)
                assert asking.ask(b"which") == life
                answered.result()
            with pytest.raises(ConnectionRefusedError):
                asking.ask(b"which")
        asking.close()


def answer_one(listener: socket.socket, answer: bytes) -> None:
    """Answer one question and be gone, the socket's file left behind."""
    connection, _ = listener.accept()
    with connection:
        receive_message(connection)
        send_message(connection, answer)


def test_a_connection_that_asks_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "KEEP_ALIVE_S", 0.05)
    with answered_by(bytes) as (url, _), socket.socket(socket.AF_UNIX) as idle:
        idle.connect(url.removeprefix("unix://"))
        idle.settimeout(10)
        assert idle.recv(1) == b""


def test_a_signal_ends_it() -> None:
    def tell(*_: object) -> None:
        raise Told

    before = signal.signal(signal.SIGUSR1, tell)
    try:
        with tempfile.TemporaryDirectory() as folder, listen(f"unix://{folder}/s") as listener:
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            with pytest.raises(Told):
                Listening(listener, answer=bytes).run()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_socket_that_was_left_behind_is_taken_over() -> None:
    with tempfile.TemporaryDirectory() as folder:
        listen(f"unix://{folder}/run/s").close()
        path = Path(folder, "run", "s")
        assert path.exists()
        with listen(f"unix://{path}"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_place_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartError) as caught:
            listen(url)
    assert str(caught.value) == (
        f"nothing can listen at {url}: Address already in use; "
        "stop what listens there or set ZOO_PREDICTOR_URL"
    )
