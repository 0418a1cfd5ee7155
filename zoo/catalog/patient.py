"""PostgreSQL connections that give a silent server up: a limit of its own says nothing then.

Imported where PostgreSQL is used, as its driver is an extra's.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen, PQGenConn
from psycopg.conninfo import conninfo_to_dict

Asked = TypeVar("Asked")
Result = TypeVar("Result")

POLL_S = 0.1
PATIENCE_S = 35.0
"""A little more than a statement may take: whoever is still silent then is no longer at work."""


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that closes itself when its server has been silent for `patience_s` seconds.

    A server that was stopped, or whose disk hangs, keeps its sockets open and keeps to no limit.
    """

    patience_s: float = PATIENCE_S

    def wait(
        self, gen: PQGen[Result], interval: float = POLL_S, timeout: float | None = None
    ) -> Result:
        """What the driver asks for, unless it takes too long: `OperationalError` then."""
        return super().wait(self._given_up(gen), interval, timeout)

    def _given_up(self, steps: PQGen[Result]) -> PQGen[Result]:
        try:
            result: Result = yield from bounded(steps, patience_s=self.patience_s)
        except SilentError:
            self.pgconn.finish()
            raise
        return result


class HastyConnection(PatientConnection):
    """One for who is waited for: a silent server is given up sooner than its `connect_timeout`.

    libpq takes no timeout under two seconds, and within those a caller has to be answered.
    """

    margin_s = 0.75

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> PQGenConn[Self]:
        # The driver's own; one without this step would still keep to the two seconds.
        patience_s = float(conninfo_to_dict(conninfo).get("connect_timeout") or 0) - cls.margin_s
        connecting = super()._connect_gen(conninfo)
        if patience_s <= 0:
            return (yield from connecting)
        return (yield from bounded(connecting, patience_s=patience_s))


class SilentError(psycopg.OperationalError):
    """The server has not answered for too long."""


def bounded(
    steps: Generator[Asked, int, Result], *, patience_s: float
) -> Generator[Asked, int, Result]:
    """The driver's steps, unless they take longer than that: `SilentError` then."""
    deadline = time.monotonic() + patience_s
    try:
        asked = next(steps)
        while True:
            answer = yield asked
            # The driver is told of every interval that passes without a word.
            if not answer and time.monotonic() > deadline:
                raise SilentError(f"the server has not answered for {patience_s:g} s")
            asked = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result


def connect(*arguments: Any, is_hasty: bool, **named: Any) -> PatientConnection:
    """What the driver's own `connect` would give, but patient."""
    kind = HastyConnection if is_hasty else PatientConnection
    return kind.connect(*arguments, **named)
