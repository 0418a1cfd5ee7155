"""Which part of the service is down, as far as an api can tell."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from zoo.catalog import workers
from zoo.jobs.keeper import LEASE
from zoo.jobs.pulse import Pulse, is_broker_alive
from zoo.supervisor.home import MIN_FREE_BYTES
from zoo_api.services import Services

READY = "ready"
STARTING = "starting"
PATIENCE_S = 60.0
"""How long after the api a part may come that was never seen."""
ANSWER_S = 2.0
"""What a part may take to answer."""


@dataclass(frozen=True, kw_only=True)
class Beats:
    """The counters of the processes that show their life in the catalog."""

    workers: dict[Hashable, int]
    keeper: dict[Hashable, int]


class Readiness:
    """What one api has seen of the other parts; thread-safe."""

    def __init__(self, parts: Services, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        self._began = clock()
        self._was_up: set[str] = set()
        self._lock = threading.Lock()
        lost_s = parts.settings.beat_lost_s
        self._workers = Pulse(lost_s=lost_s, clock=clock)
        self._keeper = Pulse(lost_s=lost_s, clock=clock)
        self._asked: dict[str, threading.Thread] = {}

    def look(self) -> dict[str, str]:
        """Each part but the database: `ready`, `starting`, or why it is down."""
        settings = self._parts.settings
        beats = self._read_beats()
        with self._lock:
            is_worked = self._workers.is_felt(beats.workers)
            is_kept = self._keeper.is_felt(beats.keeper)
        lost = f"has moved its counter for {settings.beat_lost_s:g} s"
        return {
            "broker": self._said(
                "broker",
                self._answers("broker", lambda: is_broker_alive(settings.resolved_broker_url)),
                "the broker does not answer",
            ),
            "keeper": self._said("keeper", is_kept, f"no keeper {lost}"),
            "worker": self._said("worker", is_worked, f"no worker {lost}"),
            "predictor": self._said(
                "predictor",
                self._answers("predictor", self._parts.predictor.is_alive),
                "the predictor does not answer",
            ),
            "disk": self._disk(),
        }

    def _said(self, part: str, is_up: bool, fault: str) -> str:
        if is_up:
            self._was_up.add(part)
            return READY
        is_awaited = part not in self._was_up and self._clock() - self._began < PATIENCE_S
        return STARTING if is_awaited else fault

    def _read_beats(self) -> Beats:
        with self._parts.catalog.read() as session:
            found = workers.list_workers(session)
            lease = workers.read_lease(session, LEASE)
        return Beats(
            workers={one.id: one.beat for one in found},
            keeper={lease[0]: lease[1]} if lease else {},
        )

    def _answers(self, part: str, ask: Callable[[], bool]) -> bool:
        """Whether a part says that it lives, soon; one that hangs is asked by one thread only."""
        said: list[bool] = []
        with self._lock:
            if (asking := self._asked.get(part)) and asking.is_alive():
                return False
            asking = threading.Thread(target=lambda: said.append(ask()), daemon=True)
            self._asked[part] = asking
            asking.start()
        asking.join(ANSWER_S)
        return said == [True]

    def _disk(self) -> str:
        try:
            free = shutil.disk_usage(self._parts.settings.home).free
        except OSError as error:
            return f"the home cannot be looked at: {error.strerror}"
        if free >= MIN_FREE_BYTES:
            return READY
        return (
            f"the disk has {free // 1_000_000} MB left; "
            f"the service needs at least {MIN_FREE_BYTES // 1_000_000} MB"
        )
