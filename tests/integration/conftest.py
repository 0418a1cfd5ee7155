"""One eager service for all of these tests: each uses names and pictures of its own."""

import pytest

from tests.eager import EagerService
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService


@pytest.fixture(scope="session")
def zoo_service(make_zoo_service: MakeZooService) -> ZooService:
    return make_zoo_service(shard_items=4, disabled_plugins="")


@pytest.fixture(scope="session")
def service(zoo_service: ZooService) -> EagerService:
    return EagerService(zoo_service)
