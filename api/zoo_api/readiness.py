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


class Question(threading.Thread):
    """A part being asked whether it lives."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self.is_up = False
        """Whether it has said that it does."""

    def run(self) -> None:
        """Ask it."""
        self.is_up = self._ask()


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
        self._asked: dict[str, Question] = {}

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
        """Whether a part says that it lives, soon; it is asked by one thread at a time.

        Who comes while it is asked waits for the same answer.
        """
        with self._lock:
            question = self._asked.get(part)
            if question is None or not question.is_alive():
                question = self._asked[part] = Question(ask)
                question.start()
        question.join(ANSWER_S)
        return question.is_up

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
