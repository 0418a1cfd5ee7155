"""PostgreSQL connections that give a silent server up: a limit of its own says nothing then.

Imported where PostgreSQL is used, as its driver is an extra's.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

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
        return super().wait(self._bounded(gen), interval, timeout)

    def _bounded(self, steps: PQGen[Result]) -> PQGen[Result]:
        deadline = time.monotonic() + self.patience_s
        try:
            asked = next(steps)
            while True:
                answer = yield asked
                # The driver is told of every interval that passes without a word.
                if not answer and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"the server has not answered for {self.patience_s:g} s"
                    )
                asked = steps.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result


def connect(*arguments: Any, **named: Any) -> PatientConnection:
    """What the driver's own `connect` would give, but patient."""
    return PatientConnection.connect(*arguments, **named)
