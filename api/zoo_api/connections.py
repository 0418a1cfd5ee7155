"""Connections that wait for what a caller sends, though not for ever."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped]  # it ships none
from gunicorn.http.unreader import SocketUnreader  # type: ignore[import-untyped]  # it ships none
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]  # it ships none

SILENT_S = 30.0
"""How long a caller may send nothing in the middle of a request, if all have a thread.

With twice as many callers as threads half of it, and so on: who waits behind 300 that do not go
on, at 32 threads, had a turn after 70 s, and would else after nearly 5 minutes.
"""
LEAST_BYTES_S = 1000
"""Whoever falls as far behind this gives way while others wait for a thread."""


class StalledError(NoMoreData):  # type: ignore[misc]  # untyped, so Any
    """A request that does not come any more; in its head gunicorn ends it without a word."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class PatientUnreader(SocketUnreader):  # type: ignore[misc]  # untyped, so Any
    """What a caller sends, waited for as long as some of it comes.

    gunicorn waits without limit, so that as many callers as there are threads could stop the
    whole api by not going on. One who goes on slowly is cut off only where others wait: where
    `crowd`, the callers for each thread, is more than 1.
    """

    sock: socket.socket

    def __init__(self, sock: socket.socket, *, crowd: Callable[[], float]) -> None:
        super().__init__(sock)
        self._crowd = crowd
        self._behind_s = 0.0
        self.is_stalled = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes; raises `StalledError` where they do not come."""
        crowd = self._crowd()
        patience_s = SILENT_S if crowd <= 1 else SILENT_S / crowd - self._behind_s
        if patience_s <= 0:
            raise self._stalled(f"at less than {LEAST_BYTES_S} bytes a second while others wait")
        before_s = self.sock.gettimeout()  # gunicorn's, where it drops what is left of a body
        self.sock.settimeout(patience_s if before_s is None else min(before_s, patience_s))
        began = time.monotonic()
        try:
            found: bytes = super().chunk(size_hint)
        except TimeoutError as error:
            raise self._stalled("nothing came for too long") from error
        finally:
            self.sock.settimeout(before_s)
        self._note(len(found), waited_s=time.monotonic() - began)
        return found

    def _note(self, n_bytes: int, *, waited_s: float) -> None:
        behind_s = self._behind_s + waited_s - n_bytes / LEAST_BYTES_S
        self._behind_s = min(max(behind_s, 0.0), SILENT_S)

    def _stalled(self, reason: str) -> StalledError:
        self.is_stalled = True
        return StalledError(reason)


def give_up_unread(connection: socket.socket) -> None:
    """Have writing raise `TimeoutError` when nothing was taken of what was written for so long.

    Without it a caller who does not read a long answer keeps its thread for as long as it likes.
    The system does it (`TCP_USER_TIMEOUT`, tcp(7)), where it is Linux.
    """
    if sys.platform == "linux" and connection.family in (socket.AF_INET, socket.AF_INET6):
        patience_ms = round(SILENT_S * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience_ms)


class Connection(TConn):  # type: ignore[misc]  # untyped, so Any
    """gunicorn's connection of a caller, read with patience and closed once."""

    sock: socket.socket
    initialized: bool

    def __init__(self, *args: Any, crowd: Callable[[], float]) -> None:  # gunicorn's four
        super().__init__(*args)
        self._crowd = crowd
        give_up_unread(self.sock)

    def init(self) -> None:
        """Prepare for reading requests."""
        if self.initialized:
            return
        super().init()
        self.parser.unreader = PatientUnreader(self.sock, crowd=self._crowd)

    @property
    def has_come(self) -> bool:
        """Whether some of the next request was read already, with the end of the last one."""
        return bool(self.parser.unreader.buf.getbuffer().nbytes)

    def close(self, graceful: bool = False) -> None:
        """Close it; gracefully by waiting a while for the caller to leave, if it still sends."""
        if self.sock.fileno() < 0:
            return
        is_stalled = self.parser is not None and self.parser.unreader.is_stalled
        super().close(graceful=graceful and not is_stalled)
