"""Homes that faults strike, one for each database, and which of the combinations always run."""

from pathlib import Path

import pytest

from tests.databases import TWINS
from tests.faults.topology import Seasoned, season


@pytest.fixture(scope="session", params=TWINS)
def seasoned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seasoned:
    """A home that knows the tiny backbone, and the right vectors."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return season(tmp_path_factory.mktemp("seasoned"), server)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every other combination of a test's parameters to the whole matrix.

    As on a chessboard: each point, kind and database is still met, and each pair of them where
    there are three.
    """
    seen: dict[tuple[str, str], list[object]] = {}
    for item in items:
        if Path(__file__).parent in item.path.parents and _is_black(item, seen):
            item.add_marker(pytest.mark.matrix)


def _is_black(item: pytest.Item, seen: dict[tuple[str, str], list[object]]) -> bool:
    """Whether the places of a test's parameters, each in the order of its own, add up oddly."""
    places = 0
    call = getattr(item, "callspec", None)
    for name, value in call.params.items() if call else ():
        values = seen.setdefault((item.nodeid.partition("[")[0], name), [])
        if value not in values:
            values.append(value)
        places += values.index(value)
    return places % 2 == 1
