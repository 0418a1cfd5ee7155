"""Questions to another process of ours, over HTTP on connections that are kept between them.

The standard library's client: a general one's redirects, cookies and proxies would take longer
than all else that the asking process does for a picture.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections import deque
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

UNIX = "unix://"
IDLE_S = 1.0
"""Shorter than our servers keep a connection, so that none is closed while it is written to."""
CONNECT_TIMEOUT_S = 2.0
FRAME = {"Content-Type": "application/octet-stream"}


class Asking(Protocol):
    """What takes a question to where it is answered."""

    def get(self, path: str) -> int:
        """The status of an answer."""
        ...

    def post(self, path: str, body: bytes) -> bytes:
        """The body of an answer."""
        ...

    def close(self) -> None:
        """Nothing is asked any more."""
        ...


class Connections:
    """Connections to `unix:///path` or `http://host:port`; thread-safe.

    Questions raise `OSError` or `http.client.HTTPException` where nobody answers. They may be
    asked twice, if a kept connection turns out to be closed: all of ours may be.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()

    def get(self, path: str) -> int:
        """The status of an answer."""
        return self._ask("GET", path, None)[0]

    def post(self, path: str, body: bytes) -> bytes:
        """The body of an answer."""
        return self._ask("POST", path, body)[1]

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self._idle.pop()[1].close()

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        kept = self._kept()
        if kept is not None:
            try:
                return self._ask_on(kept, method, path, body)
            except (ConnectionError, http.client.RemoteDisconnected):
                pass  # it was closed as we wrote
        return self._ask_on(self._new(), method, path, body)

    def _ask_on(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None
    ) -> tuple[int, bytes]:
        try:
            connection.request(method, path, body, FRAME)
            answer = connection.getresponse()
            found = answer.read()
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # else the other side has said that it closes it
            self._idle.append((time.monotonic(), connection))
        return answer.status, found

    def _kept(self) -> http.client.HTTPConnection | None:
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

    def _new(self) -> http.client.HTTPConnection:
        connect_s = min(CONNECT_TIMEOUT_S, self._timeout_s)
        if self._url.startswith(UNIX):
            path = Path(self._url.removeprefix(UNIX))
            connection: http.client.HTTPConnection = _UnixConnection(path, timeout=connect_s)
        else:
            parts = urlsplit(self._url)
            host = parts.hostname or ""
            connection = http.client.HTTPConnection(host, parts.port, timeout=connect_s)
        connection.connect()
        connection.sock.settimeout(self._timeout_s)
        return connection


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except BaseException:
            self.sock.close()
            raise
