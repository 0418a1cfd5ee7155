"""Homes that faults strike, one for each database."""

import pytest

from tests.databases import TWINS
from tests.faults.topology import Seasoned, season


@pytest.fixture(scope="session", params=TWINS)
def seasoned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seasoned:
    """A home that knows the tiny backbone, and the right vectors."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    return season(tmp_path_factory.mktemp("seasoned"), server)
