"""Questions to another process of ours and their answers, on sockets that are kept between them.

Both are messages: a length of eight bytes, and so many bytes. What general protocols have besides
would take longer than all else that the asking process does for a picture.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

UNIX = "unix://"
IDLE_S = 1.0
"""Shorter than our servers keep a connection, so that none is closed while it is written to."""
CONNECT_TIMEOUT_S = 2.0
TRIES = 3
"""One more than the times that whoever answers may die of the same question."""
SUCCESSOR_S = 10.0
"""How long to look for who takes the place of one that died over a question."""
_LOOK_EVERY_S = 0.05
MAX_MESSAGE_BYTES = 1 << 34
"""More than any message has; what speaks another protocol announces more."""
FIRST_ROOM_BYTES = 1 << 20
_LENGTH = struct.Struct("!Q")


class Asking(Protocol):
    """What takes a question to where it is answered."""

    def ask(self, question: bytes) -> bytes | bytearray:
        """The answer."""
        ...

    def close(self) -> None:
        """Nothing is asked any more."""
        ...


class Connections:
    """Connections to `unix:///path` or `tcp://host:port`; thread-safe.

    Questions raise `OSError` where nobody answers. They may be asked `TRIES` times, where who was
    asked is gone before the answer: all of ours may be.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._idle: deque[tuple[float, socket.socket]] = deque()

    def ask(self, question: bytes) -> bytearray:
        """The answer."""
        connection = self._kept() or self._new()
        for _ in range(1, TRIES):
            try:
                return self._ask_on(connection, question)
            except ConnectionError:
                connection = self._successor()
        return self._ask_on(connection, question)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop()[1].close()

    def _ask_on(self, connection: socket.socket, question: bytes) -> bytearray:
        try:
            send_message(connection, question)
            answer = receive_message(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append((time.monotonic(), connection))
        return answer

    def _kept(self) -> socket.socket | None:
        """The connection used last, if that was a moment ago."""
        try:
            used, connection = self._idle.pop()
        except IndexError:
            return None
        if time.monotonic() - used < IDLE_S:
            return connection
        connection.close()
        self.close()  # the others were used before it
        return None

    def _successor(self) -> socket.socket:
        """A connection to who is there now, or will be soon."""
        self.close()  # the others were to the same
        deadline = time.monotonic() + min(SUCCESSOR_S, self._timeout_s)
        while True:
            time.sleep(_LOOK_EVERY_S)  # who dies may still be connected to for a moment
            try:
                return self._new()
            except (ConnectionRefusedError, FileNotFoundError):
                if time.monotonic() > deadline:
                    raise

    def _new(self) -> socket.socket:
        connect_s = min(CONNECT_TIMEOUT_S, self._timeout_s)
        connection = (
            _connect_unix(Path(self._url.removeprefix(UNIX)), timeout_s=connect_s)
            if self._url.startswith(UNIX)
            else _connect_tcp(self._url, timeout_s=connect_s)
        )
        connection.settimeout(self._timeout_s)
        return connection


def send_message(connection: socket.socket, message: bytes) -> None:
    """Send a message; raises `OSError` if the other side has gone."""
    send_together(connection, _LENGTH.pack(len(message)), message)


def send_together(connection: socket.socket, *parts: bytes) -> None:
    """Send parts in one call, so that nobody is woken twice; raises `OSError` as above."""
    sent = connection.sendmsg(parts)
    for part in parts:
        if sent < len(part):
            connection.sendall(memoryview(part)[max(0, sent) :])
        sent -= len(part)


def receive_message(connection: socket.socket) -> bytearray:
    """The next message; raises `OSError` if there is none."""
    (length,) = _LENGTH.unpack(_receive(connection, _LENGTH.size))
    if length > MAX_MESSAGE_BYTES:
        raise ConnectionAbortedError(f"a message of {length} bytes is none of ours")
    return _receive(connection, length)


def no_delay(connection: socket.socket) -> None:
    """Have TCP send the last part of a message at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _receive(connection: socket.socket, size: int) -> bytearray:
    """So many bytes; room is made as they come, as nothing else vouches for what was announced."""
    message, come = bytearray(min(size, FIRST_ROOM_BYTES)), 0
    while come < size:
        if come == len(message):
            message.extend(bytes(min(come, size - come)))
        with memoryview(message) as room, room[come:] as left:
            n_bytes = connection.recv_into(left)
        if not n_bytes:
            raise ConnectionResetError("the other side has closed the connection")
        come += n_bytes
    return message


def _connect_unix(path: Path, *, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_tcp(url: str, *, timeout_s: float) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout_s)
    no_delay(connection)
    return connection
