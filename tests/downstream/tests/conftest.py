"""What this project's tests share: its own settings of the service, and its program on top."""

import pytest
from pet_finder import PetFinder

from zoo.testing.service import ZooService
from zoo.testing.tiny import MODEL


@pytest.fixture
def zoo_settings() -> dict[str, object]:
    return {"max_image_bytes": 50_000}


@pytest.fixture
def finder(zoo_service: ZooService) -> PetFinder:
    def send(method: str, path: str, **request: object) -> dict:
        answer = zoo_service.client.open(path, method=method, **request)
        assert answer.status_code < 400, answer.get_json()
        return answer.get_json()

    return PetFinder(send, model=MODEL)
