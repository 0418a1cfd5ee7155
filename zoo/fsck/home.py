"""Opening a home to check or repair it: one check after the other, all problems in one list."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress

from zoo.catalog import open_unpooled
from zoo.catalog.engines import sqlite_path
from zoo.errors import DamagedError, StartError, UnavailableError
from zoo.fsck.files import damaged_contents, damaged_files
from zoo.fsck.leftovers import leftovers, stale_reservations, sweep, unfinished_successes
from zoo.fsck.problems import Check, OpenHome, Outcome, Problem
from zoo.fsck.rows import unsound_rows
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs

CHECKS: tuple[Check, ...] = (
    unsound_rows,
    stale_reservations,
    unfinished_successes,
    damaged_files,
    damaged_contents,
)
LEFTOVERS: tuple[Check, ...] = (leftovers, sweep)
"""What does no harm: nothing is wrong with a home that has some."""


def check_home(settings: Settings) -> list[str]:
    """Everything that is wrong with a home, a sentence each; nothing is changed."""
    try:
        with _opened(settings) as home:
            return [problem.sentence for problem in _problems(home, CHECKS)]
    except DamagedError as error:
        return [error.detail]


def repair_home(settings: Settings) -> list[Outcome]:
    """Mend what can be mended of a home that nobody works in; every problem is told."""
    try:
        with _opened(settings) as home:
            return [_repaired(one) for one in _problems(home, (*CHECKS, *LEFTOVERS))]
    except DamagedError as error:
        return [Outcome(sentence=error.detail, mended="")]


def count_leftovers(settings: Settings) -> int:
    """How many files no row names, in a home whose check found nothing wrong."""
    with suppress(DamagedError), _opened(settings) as home:
        return len(_problems(home, (leftovers,)))
    return 0


@contextmanager
def _opened(settings: Settings) -> Iterator[OpenHome]:
    """The home; `DamagedError` if there is none, or its catalog cannot be gone by."""
    path = sqlite_path(settings.resolved_database_url)
    if path is not None and not path.exists():
        raise DamagedError(f"there is no catalog at {path}; `zoo up` makes a home")
    try:
        importlib.import_module("zoo_migrations").check(settings.resolved_database_url)
    except StartError as error:
        raise DamagedError(error.detail) from error
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:
        try:
            yield OpenHome(settings=settings, catalog=catalog, blobs=open_blobs(settings))
        except UnavailableError as error:  # what cannot be reached is not damaged
            raise StartError(error.detail) from error


def _problems(home: OpenHome, checks: Iterable[Check]) -> list[Problem]:
    """All of them, found before any is mended; what two checks see is told once."""
    found: dict[str, Problem] = {}
    try:
        for check in checks:
            for problem in check(home):
                found.setdefault(problem.sentence, problem)
    except DamagedError as error:  # of the database itself: there is nothing to go by
        found.setdefault(error.detail, Problem(sentence=error.detail))
    return list(found.values())


def _repaired(problem: Problem) -> Outcome:
    mended = problem.repair() if problem.repair else ""
    return Outcome(sentence=problem.sentence, mended=mended)
