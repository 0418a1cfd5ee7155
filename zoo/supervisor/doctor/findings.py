"""What a check of the doctor says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from zoo.settings import Settings


class Verdict(StrEnum):
    """How things are; with `FAIL` the service does not start or does not do its work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    said: str  # what was found
    remedy: str = ""  # what to do, where something is wrong


Check: TypeAlias = Callable[[Settings], Iterator[Finding]]


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name=name, verdict=Verdict.OK, said=said)


def warn(name: str, said: str, *, remedy: str) -> Finding:
    """It works, but not as it could, or not for long."""
    return Finding(name=name, verdict=Verdict.WARN, said=said, remedy=remedy)


def fail(name: str, said: str, *, remedy: str) -> Finding:
    """It does not work."""
    return Finding(name=name, verdict=Verdict.FAIL, said=said, remedy=remedy)
