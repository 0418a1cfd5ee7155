"""Whether broker, keeper and workers live, asked from any process, without Celery."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Hashable
from typing import Any

PING_S = 1.0
SOCKET = "redis+socket://"
SPOKEN = ("redis://", "rediss://", SOCKET)


class Pulse:
    """Tells by this process's own clock whether one of some counters has moved of late.

    At the first sight of a counter it counts as moving. Not thread-safe.
    """

    def __init__(self, *, lost_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lost_s = lost_s
        self._clock = clock
        self._seen: dict[Hashable, tuple[int, float]] = {}

    def is_felt(self, counters: dict[Hashable, int]) -> bool:
        """Whether a counter moved since it was looked at last, or not so long ago."""
        instant = self._clock()
        self._seen = {
            name: (value, instant) if self._has_moved(name, value) else self._seen[name]
            for name, value in counters.items()
        }
        return any(instant - moved < self._lost_s for _, moved in self._seen.values())

    def _has_moved(self, name: Hashable, value: int) -> bool:
        return name not in self._seen or self._seen[name][0] != value


def is_broker_alive(url: str) -> bool:
    """Whether a broker answers within a second; True for kinds that only Celery can ask."""
    if not url.startswith(SPOKEN):
        return True
    # By name and late: of the api only this needs it, which is asked now and then.
    redis: Any = importlib.import_module("redis")
    spoken = f"unix://{url.removeprefix(SOCKET)}" if url.startswith(SOCKET) else url
    try:
        client = redis.from_url(spoken, socket_timeout=PING_S, socket_connect_timeout=PING_S)
        with client:
            return bool(client.ping())
    except (redis.RedisError, OSError, ValueError):
        return False
