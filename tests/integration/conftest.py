"""One eager service on each database: each test uses names and pictures of its own."""

from collections.abc import Iterator

import pytest

from tests.databases import TWINS
from tests.eager import EagerService
from zoo.settings import load_settings


@pytest.fixture(scope="session", params=TWINS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EagerService]:
    url = request.getfixturevalue("postgres").migrated() if request.param == "postgres" else ""
    home = tmp_path_factory.mktemp("home")
    settings = load_settings({}, home=home, database_url=url, shard_items=4, plugin_wait_s=0.2)
    made = EagerService(settings)
    yield made
    made.close()
