"""Real services: one that lives through most of them, and homes for those that are killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveService, live_service


@pytest.fixture(scope="session")
def seasoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has been in use and was left in order: a start from it is a restart."""
    home = tmp_path_factory.mktemp("seasoned") / "home"
    with live_service(home) as service:
        service.start()
        service.season()
        code, seconds = service.stop()
    assert code == 0, service.said()
    assert seconds < 15
    return home


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, seasoned: Path) -> Iterator[LiveService]:
    """A running service; what a test kills of it comes back."""
    with live_service(tmp_path_factory.mktemp("shared") / "home", seasoned=seasoned) as service:
        service.start()
        yield service


@pytest.fixture
def service(tmp_path: Path, seasoned: Path) -> Iterator[LiveService]:
    """A service of one's own, not started yet."""
    with live_service(tmp_path / "home", seasoned=seasoned) as service:
        yield service
