"""gunicorn's thread worker, except that it leaves no caller waiting when it is told to stop."""

from __future__ import annotations

import socket

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # it ships none


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # untyped, so Any
    """Answers who has connected before it stops, and has who comes later refused at once.

    gunicorn's own keeps listening, without taking anybody in, for as long as it still answers:
    up to its grace period. Then it resets them all.
    """

    sockets: list[socket.socket]  # those that it listens on

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections in, or no more; once it is told to stop there is no way back."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            while self._is_waited_for(listener):
                pass
            listener.close()
        self.sockets = []

    def _is_waited_for(self, listener: socket.socket) -> bool:
        """Take in one who has connected; whether there was one."""
        n_before = self.nr_conns
        self.accept(listener)
        return bool(self.nr_conns > n_before)
