"""One eager service for all of these tests: each uses names and pictures of its own."""

from collections.abc import Iterator

import pytest

from tests.eager import EagerService
from zoo.settings import load_settings


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EagerService]:
    home = tmp_path_factory.mktemp("home")
    made = EagerService(load_settings({}, home=home, shard_items=4, plugin_wait_s=0.2))
    yield made
    made.close()
