"""gunicorn's thread worker, except that no caller keeps others waiting, nor does its own end."""

from __future__ import annotations

import errno
import mmap
import select
import socket
import time
from concurrent.futures import Future
from typing import Any

import structlog
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # it ships none

from zoo_api.connections import Connection

WITHOUT_CALLER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)
"""What says that nobody waits any more to be taken in."""
WITHOUT_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What keeps a connection waiting that cannot be taken in now."""
PAUSE_S = 0.05
"""How long nobody is taken in then; those who wait would be noticed again at once."""
STAYS_S = 0.05
"""How long a thread stays with a caller it has answered: many ask again at once. To hand a
connection to the loop and back takes nearly a tenth of what the api does for a picture."""
STAYING_CROWD = 0.5
"""The share of the threads beyond which none stays: who asks anew finds one that is free."""

_log = structlog.get_logger()


class Reloads:
    """How often the workers of a server were replaced, in memory that its processes share."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        """How often until now."""
        return int.from_bytes(self._shared[:8], "little")

    def note(self, _server: object) -> None:
        """Count one; gunicorn's hook, called before the new workers are made."""
        self._shared[:8] = (self.count + 1).to_bytes(8, "little")


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # untyped, so Any
    """Answers who has connected before it stops, and has who comes later refused at once.

    gunicorn's own keeps listening, without taking anybody in, for as long as it still answers:
    up to its grace period. Then it resets them all. One that is replaced takes nobody in: who
    waits is answered by its successor. `app.reloads` tells of that, a `Reloads`.

    A request that does not go on is given up, and one that goes on too slowly while others wait.
    """

    sockets: list[socket.socket]  # those that it listens on

    def __init__(self, *args: Any) -> None:  # gunicorn's seven
        super().__init__(*args)  # before the fork
        self._reloads: Reloads = self.app.reloads
        self._n_reloads = self._reloads.count
        self._is_short = False
        self._n_in_hand = 0

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections in, or no more; once it is told to stop there is no way back."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        is_replaced = self._reloads.count > self._n_reloads
        for listener in self.sockets:
            while not is_replaced and self._is_waited_for(listener):
                pass
            listener.close()
        self.sockets = []

    def accept(self, listener: socket.socket) -> None:
        """Take a connection in; without room for it, it waits, and all others are answered."""
        try:
            self._take_in(listener)
        except OSError as error:
            if error.errno in WITHOUT_CALLER:
                return
            if error.errno not in WITHOUT_ROOM:
                raise
            if not self._is_short:
                _log.warning("connections_wait", reason=error.strerror)
            self._is_short = True
            time.sleep(PAUSE_S)
        else:
            self._is_short = False

    def enqueue_req(self, conn: Connection) -> None:
        """Have a thread answer what comes on a connection."""
        self._n_in_hand += 1
        super().enqueue_req(conn)

    def handle(self, conn: Connection) -> object:
        """Answer a request, in a thread, and those that follow at once.

        Returns what to do with the connection then.
        """
        said: object = super().handle(conn)
        while said is True and self._asks_again(conn):
            said = super().handle(conn)
        if said is False:
            conn.close(graceful=True)  # the loop, which does it else, would wait for each to leave
        return said

    def finish_request(self, conn: Connection, fs: Future[object]) -> None:
        """Keep or forget a connection that a thread is done with."""
        self._n_in_hand -= 1
        super().finish_request(conn, fs)

    def crowd(self) -> float:
        """How many are to be answered now for each thread."""
        return float(self._n_in_hand / self.cfg.threads)

    def _asks_again(self, conn: Connection) -> bool:
        if not self.alive or self.crowd() > STAYING_CROWD or conn.has_come:
            return False
        coming = select.poll()
        coming.register(conn.sock, select.POLLIN)
        return bool(coming.poll(STAYS_S * 1000))

    def _take_in(self, listener: socket.socket) -> None:
        caller, address = listener.accept()
        self.nr_conns += 1
        name = listener.getsockname()
        self.enqueue_req(Connection(self.cfg, caller, address, name, crowd=self.crowd))

    def _is_waited_for(self, listener: socket.socket) -> bool:
        """Take in one who has connected; whether there was one, and room for it."""
        n_before = self.nr_conns
        self.accept(listener)
        return bool(self.nr_conns > n_before)
