"""Starts processes on a leash, starts them again when they die, and stops them in order."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

from zoo.endings import telling
from zoo.leash import Leash

FIRST_DELAY_S = 0.2
MAX_DELAY_S = 10.0
STEADY_S = 30.0  # a process that ran for so long starts again with the first delay
_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """A process to keep running."""

    name: str
    argv: tuple[str, ...]
    grace_s: float = 2.0  # from SIGTERM to SIGKILL
    part: str = ""  # what it is one of several of; empty: nothing, its name says what it is
    environment: Mapping[str, str] = field(default_factory=dict)  # its own, above that of all


@dataclass(frozen=True, kw_only=True)
class Death:
    """A process that ended without being asked to."""

    name: str
    reason: str  # "exit code 3" | "signal SIGKILL"
    is_refusal: bool  # exit code 2: it cannot start as configured, trying again is no use
    in_a_row: int  # deaths without a steady run in between
    again_in_s: float


class Child:
    """One process of the service through all its lives; it leads a process group of its own."""

    def __init__(self, spec: ChildSpec, process: subprocess.Popen[bytes]) -> None:
        self.spec = spec
        self.process = process
        self.started_at = time.monotonic()
        self.deaths_in_a_row = 0
        self.due_at: float | None = None  # when it is to be started again

    def is_running(self) -> bool:
        """Whether its current life goes on."""
        return self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """Reach the process and whatever it started in its group, dead or alive itself."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class Processes:
    """The children of one `zoo up`, in the order in which they are to be stopped.

    Not thread-safe; use it from the main thread, as children die with the thread that made them.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._leash = Leash()
        self._environment = {**environment, **self._leash.environment()}
        self._children: list[Child] = []

    def start(self, spec: ChildSpec) -> None:
        """Start a process in a group of its own, so that Ctrl-C reaches only the supervisor."""
        self._children.append(Child(spec, self._launch(spec)))

    def pids(self) -> dict[str, int]:
        """The running processes by name."""
        return {c.spec.name: c.process.pid for c in self._children if c.is_running()}

    def tend(self) -> list[Death]:
        """Notice who died since the last call, and start again those whose delay is over."""
        deaths = [self._bury(c) for c in self._children if c.due_at is None and not c.is_running()]
        for child in self._children:
            if child.due_at is not None and time.monotonic() >= child.due_at:
                self._revive(child)
        return deaths

    def stop(self, order: tuple[str, ...], *, is_urgent: Callable[[], bool]) -> None:
        """End all, one part after the other; at once as soon as `is_urgent` says so."""
        rank = {name: place for place, name in enumerate(order)}

        def place(child: Child) -> int:
            return rank.get(child.spec.part or child.spec.name, len(rank))

        for _, children in groupby(sorted(self._children, key=place), key=place):
            self._stop_together(list(children), is_urgent=is_urgent)
        self._children.clear()
        self._leash.release()

    def _launch(self, spec: ChildSpec, *, last_code: int | None = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            spec.argv,
            env={**self._environment, **spec.environment, **telling(last_code)},
            pass_fds=(self._leash.read_fd,),
            process_group=0,
            stdin=subprocess.DEVNULL,
        )

    def _bury(self, child: Child) -> Death:
        child.signal_group(signal.SIGKILL)  # what it leaves behind must not meet its successor
        if time.monotonic() - child.started_at > STEADY_S:
            child.deaths_in_a_row = 0
        delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2**child.deaths_in_a_row)
        child.deaths_in_a_row += 1
        child.due_at = time.monotonic() + delay_s
        code = child.process.returncode
        return Death(
            name=child.spec.name,
            reason=describe_exit(code),
            is_refusal=code == 2,
            in_a_row=child.deaths_in_a_row,
            again_in_s=delay_s,
        )

    def _revive(self, child: Child) -> None:
        child.process = self._launch(child.spec, last_code=child.process.returncode)
        child.started_at = time.monotonic()
        child.due_at = None

    @staticmethod
    def _stop_together(children: Sequence[Child], *, is_urgent: Callable[[], bool]) -> None:
        began = time.monotonic()
        for child in children:
            if child.is_running():
                child.process.terminate()
        for child in children:
            deadline = began + child.spec.grace_s
            while child.is_running() and time.monotonic() < deadline and not is_urgent():
                time.sleep(_POLL_S)
            child.signal_group(signal.SIGKILL)
            child.process.wait()


def describe_exit(code: int) -> str:
    """A return code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
