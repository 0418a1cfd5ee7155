"""A socket whose connections are each answered by a thread of their own, one after another."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from zoo.connections import UNIX, no_delay, receive_message, send_message
from zoo.errors import StartError

MOST_CONNECTIONS = 256
"""The next waits until one is closed."""
KEEP_ALIVE_S = 5.0
"""How long a connection stays that asks nothing; longer than its other side keeps it."""
SEND_TIMEOUT_S = 60.0
BACKLOG = 128

Answer = Callable[[bytearray], bytes]


class Listening:
    """Answers what is asked on the connections that a listening socket gets.

    `answer` is called in many threads and must not raise.
    """

    def __init__(self, listener: socket.socket, *, answer: Answer) -> None:
        self._listener = listener
        self._answer = answer
        self._room = threading.Semaphore(MOST_CONNECTIONS)
        self._open: dict[threading.Thread, socket.socket] = {}

    def run(self) -> None:
        """Take connections until a signal's handler raises."""
        while True:
            self._room.acquire()
            try:
                connection, _ = self._listener.accept()
            except ConnectionAbortedError:  # it went away while it waited
                self._room.release()
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._open[thread] = connection
            thread.start()

    def stop(self, *, grace_s: float) -> None:
        """Take no more questions; those taken have the grace period to be answered."""
        self._listener.close()
        deadline = time.monotonic() + grace_s
        for thread, connection in list(self._open.items()):
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                continue  # it was closed already
            thread.join(max(0.0, deadline - time.monotonic()))

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._converse(connection)
        except OSError:
            pass  # the other side has closed it, or asks nothing any more
        finally:
            self._open.pop(threading.current_thread(), None)
            self._room.release()

    def _converse(self, connection: socket.socket) -> None:
        if connection.family != socket.AF_UNIX:
            no_delay(connection)
        while True:
            connection.settimeout(KEEP_ALIVE_S)
            question = receive_message(connection)
            answer = self._answer(question)
            connection.settimeout(SEND_TIMEOUT_S)
            send_message(connection, answer)


def listen(url: str) -> socket.socket:
    """A socket that listens at `unix:///path`, for its owner alone, or at `tcp://host:port`.

    Raises `StartError` if that cannot be.
    """
    try:
        if url.startswith(UNIX):
            return _listen_unix(Path(url.removeprefix(UNIX)))
        parts = urlsplit(url)
        family = socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET
        return socket.create_server(
            (parts.hostname or "", parts.port or 0), family=family, backlog=BACKLOG
        )
    except OSError as error:
        reason, *_ = str(error.strerror or error).partition(" (")  # it says the address too
        raise StartError(
            f"nothing can listen at {url}: {reason}; "
            "stop what listens there or set ZOO_PREDICTOR_URL"
        ) from error


def _listen_unix(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)  # of one that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
