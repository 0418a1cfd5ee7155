"""One eager service on each database: each test uses names and pictures of its own."""

import pytest

from tests.databases import TWINS
from tests.eager import EagerService
from tests.promised import promised
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService


@pytest.fixture(scope="session", params=TWINS)
def zoo_service(request: pytest.FixtureRequest, make_zoo_service: MakeZooService) -> ZooService:
    url = request.getfixturevalue("postgres").migrated() if request.param == "postgres" else ""
    made = make_zoo_service(
        shard_items=4, plugin_wait_s=0.2, disabled_plugins="", database_url=url
    )
    made.client = promised(made.client.application)
    return made


@pytest.fixture(scope="session")
def service(zoo_service: ZooService) -> EagerService:
    return EagerService(zoo_service)
