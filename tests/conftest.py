"""The databases and the S3 that every test may ask for, and the fixtures of `zoo.testing`.

The latter are named here, so that they are there also where the project has not been installed
anew since it has an entry point for pytest.
"""

from collections.abc import Iterator

import pytest

from tests.databases import TWINS, PostgresServer, postgres_server
from tests.stores import S3Server, s3_server

collect_ignore = ["downstream"]  # a project of its own; a test runs it
pytest_plugins = ["zoo.testing.plugin"]


LONGEST_SHOWN = 16


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their argument (pytest numbers them).

    What a library makes may hold the time, and a test's name must be the same in every process:
    workers that collected different names run nothing at all.
    """
    return argname if isinstance(val, bytes) and len(val) > LONGEST_SHOWN else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL; one a session."""
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A running S3; one a session."""
    with s3_server() as running:
        yield running


@pytest.fixture(params=TWINS)
def database_url(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite in the home, or the URL of a migrated PostgreSQL database."""
    if request.param == "sqlite":
        return ""
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.migrated()
