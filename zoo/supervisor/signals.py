"""Ctrl-C and SIGTERM as questions that a loop can ask, and a sleep that they end early."""

import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSignals:
    """Counts what was asked of this process: stop, and then stop at once."""

    def __init__(self, wake: socket.socket) -> None:
        self._wake = wake
        self._asked = 0
        self.is_urgent = False

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked this process to end."""
        return self._asked > 0

    def sleep(self, seconds: float) -> None:
        """Sleep until a signal comes, a child's death included, or the time is over."""
        if select.select([self._wake], [], [], seconds)[0]:
            self._wake.recv(4096)

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """The first signal asks to stop; Ctrl-C after that asks for it at once."""
        self.is_urgent = self.is_urgent or (self.is_stopping and number == signal.SIGINT)
        self._asked += 1


@contextmanager
def listening() -> Iterator[StopSignals]:
    """Take SIGTERM, SIGINT and SIGHUP as questions while the block runs; main thread only."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    stops = StopSignals(reader)
    before = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, lambda *_: None)}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        before[number] = signal.getsignal(number)
        if number != signal.SIGHUP or before[number] != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, stops.receive)
    woken = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield stops
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()
