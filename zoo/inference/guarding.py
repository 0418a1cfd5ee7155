"""Keeps a model that ends its process, or holds it up, from doing so again and again.

A plugin's network may crash the process that forwards it, or never come back. Who is at work is
noted in a file, so that the process that comes after knows; what takes too long ends the process.
Nobody is to blame where the process was killed, unless by the system for want of memory.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path

import orjson
import structlog

from zoo.endings import oom_kills, was_killed
from zoo.errors import UnavailableError
from zoo.predictor import BackboneRef
from zoo.settings import Settings

DEATHS = 2
"""One may be anybody's: the machine's, or that of somebody who stopped the process."""
WHILE_S = 600
"""How long a death counts."""
REFUSED_S = 60
"""How long a model is refused after its last death, if that was not the only one. As long after
any death models work one at a time, so that it is known who ends the process again."""
TURN_S = 5.0
"""How long one waits then for another's to end."""
SOON_S = 15
"""A process that had to end is started anew within this; one that was killed may come back later,
and by then who was at work seems late who was not."""

_log = structlog.get_logger()


class Act(StrEnum):
    """What a plugin's code is run for."""

    BUILD = "build"
    FORWARD = "forward"


@dataclass(frozen=True, kw_only=True)
class Note:
    """Who is at work. Times are the machine's monotonic one, which its processes share."""

    model: str
    act: str
    until: float | None  # None: as long as it likes


@dataclass(frozen=True, kw_only=True)
class Death:
    """A process that ended while a model was at work."""

    at: float
    was_alone: bool  # nobody else can have been to blame


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a process was at when it died, who has ended others, and what was killed before it."""

    at_work: list[Note]
    deaths: dict[str, list[Death]]
    oom_kills: int | None  # of the machine, as it began


def limits_of(settings: Settings) -> dict[Act, float]:
    """How many seconds a predictor lets a plugin's code run.

    While a network hangs nobody else's is forwarded: half the time for which the others wait.
    """
    return {Act.BUILD: settings.stalled_s, Act.FORWARD: settings.predict_timeout_s / 2}


class Guard:
    """What one process is at, in a file that the next one reads; thread-safe.

    What is not done within a limit ends the process, by SIGALRM, which must be left to its default
    where there are limits.
    """

    def __init__(self, path: Path, *, limits_s: Mapping[Act, float] | None = None) -> None:
        self._limits_s = limits_s or {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._keys = count()
        self._at_work: dict[int, Note] = {}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._size_bytes = os.fstat(self._file).st_size
        self._oom_kills = oom_kills()
        left = _read(os.pread(self._file, self._size_bytes, 0))
        self._deaths = left.deaths
        is_excused = was_killed() and left.oom_kills == self._oom_kills
        self._blame([] if is_excused else left.at_work)

    @contextmanager
    def during(self, act: Act, ref: BackboneRef) -> Iterator[None]:
        """For a block in which the plugin's code runs.

        Raises `UnavailableError` (`model_crashed`) if the model has ended the process before.
        """
        self._check(ref)
        key = next(self._keys)
        with self._in_turn():
            self._begin(key, act, ref)
            try:
                yield
            finally:
                with self._lock:
                    self._at_work.pop(key, None)
                    self._note()

    def close(self) -> None:
        """End well: nobody is blamed for what is still going on."""
        with self._lock:
            self._at_work.clear()
            self._note()
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def _begin(self, key: int, act: Act, ref: BackboneRef) -> None:
        limit_s = self._limits_s.get(act)
        until = None if limit_s is None else time.monotonic() + limit_s
        with self._lock:
            self._at_work[key] = Note(model=ref.name, act=act, until=until)
            self._note()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Alone, after a death; but nobody waits for long for another, who may take minutes."""
        has_turn = self._is_wary() and self._turn.acquire(timeout=TURN_S)
        try:
            yield
        finally:
            if has_turn:
                self._turn.release()

    def _is_wary(self) -> bool:
        now = time.monotonic()
        return any(now - one[-1].at < REFUSED_S for one in self._deaths.values())

    def _check(self, ref: BackboneRef) -> None:
        now = time.monotonic()
        deaths = _recent(self._deaths.get(ref.name, ()), now)
        # Who never was alone may always have been beside somebody else who was to blame.
        is_refused = len(deaths) >= DEATHS and any(one.was_alone for one in deaths)
        left_s = deaths[-1].at + REFUSED_S - now if is_refused else 0
        if left_s <= 0:
            return
        raise UnavailableError(
            f"model {ref.name!r} of the plugin {ref.plugin!r} crashes, or holds up, the process "
            f"that runs models, and is refused for {REFUSED_S} s; use another model, and have "
            "the plugin mended or uninstall it",
            code="model_crashed",
            retry_after_s=int(left_s) + 1,
        )

    def _note(self) -> None:
        """Write down who is at work, and have the kernel end this process if they are too long.

        What cannot be written is missing: on a disk without room all are answered all the same.
        """
        if self._file is None:
            return
        at_work = list(self._at_work.values())
        found = {"at_work": at_work, "deaths": self._deaths, "oom_kills": self._oom_kills}
        text = orjson.dumps(found)  # twice a forward
        text = text.ljust(self._size_bytes)  # in one write over all that was there
        self._size_bytes = len(text)
        try:
            os.pwrite(self._file, text, 0)
        except OSError as error:
            _log.warning("note_unwritten", error=str(error))
        if self._limits_s:
            self._set_alarm()

    def _set_alarm(self) -> None:
        untils = [note.until for note in self._at_work.values() if note.until is not None]
        # What is over already is still to end it; 0 would be no alarm.
        left_s = max(min(untils) - time.monotonic(), 0.001) if untils else 0
        signal.setitimer(signal.ITIMER_REAL, left_s)

    def _blame(self, left: Sequence[Note]) -> None:
        """Count a death against who was late first, or else all that were at work.

        Who was late is refused at once. What began after it may have waited for it, as on a GPU,
        or become late only since the process ended.
        """
        now = time.monotonic()
        late = [one for one in left if one.until is not None and 0 <= now - one.until < SOON_S]
        late = sorted(late, key=lambda one: one.until or 0.0)[:1]
        death = Death(at=now, was_alone=bool(late) or len(left) == 1)
        for note in late or left:
            deaths = self._deaths.setdefault(note.model, [])
            deaths.extend([death] * (DEATHS if late else 1))
            _log.warning("model_ended_process", model=note.model, act=note.act, deaths=len(deaths))
        with self._lock:
            self._note()


def _recent(deaths: Sequence[Death], now: float) -> list[Death]:
    """Those that count; after a start of the machine its clock begins anew."""
    return [one for one in deaths if 0 <= now - one.at < WHILE_S]


def _read(text: bytes) -> Left:
    """What the process before this one left, if there was one."""
    try:
        found = json.loads(text)
        at_work = [Note(**note) for note in found["at_work"]]
        deaths = {
            model: _recent([Death(**one) for one in all_], time.monotonic())
            for model, all_ in found["deaths"].items()
        }
        kills = found["oom_kills"]
    except (ValueError, TypeError, LookupError, AttributeError):
        return Left(at_work=[], deaths={}, oom_kills=None)
    recent = {model: some for model, some in deaths.items() if some}
    return Left(at_work=at_work, deaths=recent, oom_kills=kills)
