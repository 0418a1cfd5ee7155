"""Faults on request: `ZOO_FAULT` has a process die, fail or hang at one named point of its work.

For tests of what the service promises; nothing is done at any point while nobody asks.
"""

from __future__ import annotations

import difflib
import errno
import fcntl
import os
import re
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import StartError

if TYPE_CHECKING:
    from zoo.settings import Settings

ASKED = re.compile(r"(?P<point>[^:]*)(:(?P<nth>\d{1,9}|every))?(:(?P<kind>[^:]*))?")
FORM = "point[:nth][:kind]"
FOLDER = Path("run/faults")
_LONG_S = 3600.0


class Point(StrEnum):
    """Where a fault can be asked for, in the order of a request's and a job's way."""

    UPLOAD_STORED = "upload.stored"
    SUBMIT_WRITTEN = "submit.written"
    SUBMIT_COMMITTED = "submit.committed"
    RELAY_TAKEN = "relay.taken"
    RELAY_RUNG = "relay.rung"
    SHARD_CLAIMED = "shard.claimed"
    SCAN_DELIVERED = "scan.delivered"
    EXPAND_STORED = "expand.stored"
    EXPAND_DELIVERED = "expand.delivered"
    EXPAND_FINISHED = "expand.finished"
    EMBED_READING = "embed.reading"
    EMBED_FORWARDED = "embed.forwarded"
    EMBED_STORED = "embed.stored"
    EMBED_RECORDED = "embed.recorded"
    EXTRACT_STORED = "extract.stored"
    INDEX_STORED = "index.stored"
    INDEX_RECORDED = "index.recorded"
    TRAIN_STEPPED = "train.stepped"
    TRAIN_KEPT = "train.kept"
    TRAIN_TUNED = "train.tuned"
    TRAIN_STORED = "train.stored"
    TRAIN_REGISTERED = "train.registered"
    SHARD_DONE = "shard.done"


class Kind(StrEnum):
    """What happens at a point."""

    KILL = "kill"  # as by kill -9
    RAISE = "raise"  # as by a mistake of ours
    HANG = "hang"
    ENOSPC = "enospc"  # as by a disk without room
    STOP = "stop"  # as by a machine that stands still; SIGCONT has it go on


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What was asked for: a kind, at the nth time that a home's processes reach a point."""

    point: Point
    nth: int | None = 1  # None: every time
    kind: Kind = Kind.KILL


def reach(settings: Settings, point: Point) -> None:
    """Say that a point is reached; what was asked for it happens here."""
    if settings.fault:
        _reach(parse_fault(settings.fault), point, home=settings.home)


def times_reached(home: Path, point: Point) -> int:
    """How often the processes of a home have reached the point that they were asked to fail at."""
    counted = home / FOLDER / point
    return counted.stat().st_size if counted.exists() else 0


def parse_fault(text: str) -> Fault:
    """The fault that `point[:nth][:kind]` asks for; `StartError` naming what is wrong with it."""
    found = ASKED.fullmatch(text)
    if found is None:
        raise StartError(f"ZOO_FAULT is {text!r}; it should be {FORM}")
    kind = found["kind"] or Kind.KILL
    _check(text, "point", found["point"], known=list(Point))
    _check(text, "kind", kind, known=list(Kind))
    nth = None if found["nth"] == "every" else int(found["nth"] or 1)
    return Fault(point=Point(found["point"]), nth=nth, kind=Kind(kind))


def _check(text: str, what: str, name: str, *, known: list[str]) -> None:
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
    raise StartError(
        f"ZOO_FAULT is {text!r}, of the form {FORM}; there is no {what} {name!r}; "
        f"did you mean {' or '.join(repr(str(one)) for one in close)}?"
    )


def _reach(fault: Fault, point: Point, *, home: Path) -> None:
    if point != fault.point:
        return
    n = _count(home / FOLDER / point)
    if fault.nth in (None, n):
        _fail(fault)


def _count(path: Path) -> int:
    """Count once more, and return what that makes.

    In a file: who is started again after its death must not die of the same fault for ever.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_size


def _fail(fault: Fault) -> None:
    if fault.kind is Kind.KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.kind is Kind.RAISE:
        raise RuntimeError(f"ZOO_FAULT asked for this at {fault.point}")
    if fault.kind is Kind.ENOSPC:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if fault.kind is Kind.STOP:
        os.kill(os.getpid(), signal.SIGSTOP)
    while fault.kind is Kind.HANG:
        time.sleep(_LONG_S)
