"""A fault at every point, in one process: what was accepted is done once, and nothing is lost."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.databases import TWINS
from tests.faults.checker import Checker, Oracle, vectors_of
from tests.faults.stranger import Stranger
from tests.faults.workloads import PASSING, WORKLOADS, Asked
from zoo.faults import Point, times_reached
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

pytestmark = pytest.mark.slow

MakeFaulty = Callable[..., tuple[ZooService, Asked]]


def spoken_to(service: ZooService, folder: Path) -> Asked:
    transport = httpx.WSGITransport(app=service.client.application)
    client = httpx.Client(transport=transport, base_url="http://localhost")
    return Asked(stranger=Stranger(client, meanwhile=service.relay), folder=folder)


@pytest.fixture(scope="session", params=TWINS)
def new_database(request: pytest.FixtureRequest) -> Callable[[], str]:
    """The URL of a new database, empty for SQLite in the home."""
    if request.param == "sqlite":
        return lambda: ""
    made: Callable[[], str] = request.getfixturevalue("postgres").migrated
    return made


@pytest.fixture(scope="session")
def oracle(make_zoo_service: MakeZooService, tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """Vectors as they are made where nothing goes wrong."""
    root = tmp_path_factory.mktemp("root")
    service = make_zoo_service(shard_items=8, allowed_roots=str(root))
    asked = spoken_to(service, root)
    for work in WORKLOADS:
        work(asked)
    found: dict[str, NDArray[np.float32]] = {}
    for name in asked.collections:
        found.update(vectors_of(asked.stranger, name, service.settings))
    Checker(settings=service.settings, oracle=found).check(asked)
    return found


@pytest.fixture
def make_faulty(
    make_zoo_service: MakeZooService, new_database: Callable[[], str], tmp_path: Path
) -> Iterator[MakeFaulty]:
    made: list[ZooService] = []

    def make(fault: str) -> tuple[ZooService, Asked]:
        service = make_zoo_service(
            shard_items=8,
            allowed_roots=str(tmp_path),
            database_url=new_database(),
            unavailable_wait_s=0,
            fault=fault,
        )
        made.append(service)
        return service, spoken_to(service, tmp_path)

    yield make
    for service in made:
        service.close()


@pytest.mark.parametrize("kind", ["raise", "enospc"])
@pytest.mark.parametrize("point", Point)
def test_a_fault_that_happens_once_costs_nothing_but_time(
    make_faulty: MakeFaulty, oracle: Oracle, point: Point, kind: str
) -> None:
    service, asked = make_faulty(f"{point}:{kind}")

    PASSING[point](asked)

    assert times_reached(service.home, point) > 0
    checker = Checker(settings=service.settings, oracle=oracle)
    checker.check(asked)
    checker.check_repaired()


OF_WORKERS = [
    point for point in Point if point.partition(".")[0] not in ("upload", "submit", "relay")
]


@pytest.mark.parametrize("point", OF_WORKERS)
def test_a_disk_that_stays_full_fails_the_job_by_name_and_its_neighbours_stand(
    make_faulty: MakeFaulty, oracle: Oracle, point: Point
) -> None:
    service, asked = make_faulty(f"{point}:every:enospc")

    with contextlib.suppress(
        AssertionError
    ):  # a later step is refused where an earlier one failed
        PASSING[point](asked)

    checker = Checker(settings=service.settings, oracle=oracle, may_fail=True)
    checker.check(asked)
    checker.check_repaired()
