from collections.abc import Iterator

import pytest

from tests.scripted import ScriptedService, scripted_service


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with scripted_service() as service:
        yield service
