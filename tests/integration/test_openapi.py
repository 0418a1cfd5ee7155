"""What is served is what the document says, whatever is asked: no 5xx, no undocumented answer."""

import pytest

from tests.databases import TWINS
from tests.fuzzing import Run, furnish, fuzz
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

OURS = {"internal_error", "worker_died"}  # errors that say that the fault is the service's


@pytest.fixture
def open_service(
    request: pytest.FixtureRequest, make_zoo_service: MakeZooService, zoo_disabled_plugins: str
) -> ZooService:
    """A service without any key and with the tiny backbone alone."""
    is_sqlite = getattr(request, "param", "sqlite") == "sqlite"
    url = "" if is_sqlite else request.getfixturevalue("postgres").migrated()
    return make_zoo_service(disabled_plugins=f"{zoo_disabled_plugins},lite", database_url=url)


def check(run: Run, service: ZooService) -> None:
    """Nothing was wrong, and the requests reached what they were made for."""
    assert "\n".join(run.faults) == ""
    assert run.statuses[200] > 0
    failed = service.get("/v1/jobs?state=failed&limit=1000")["data"]
    assert {job["error"]["code"] for job in failed} & OURS == set(), failed


def test_each_rule_of_the_document_is_kept_and_each_breach_refused(
    open_service: ZooService,
) -> None:
    run = fuzz(open_service, furnish(open_service), phases={"coverage"}, examples=1)

    check(run, open_service)
    assert len(run.operations) > 40
    assert {200, 201, 202, 204, 206, 404, 405, 409, 415, 416, 422} <= run.statuses.keys()


@pytest.mark.slow
@pytest.mark.parametrize("open_service", TWINS, indirect=True)
@pytest.mark.parametrize("phase", ["examples", "fuzzing", "stateful"])
def test_thousands_of_random_requests_find_nothing_undocumented(
    open_service: ZooService, phase: str
) -> None:
    run = fuzz(open_service, furnish(open_service), phases={phase}, examples=60)
    check(run, open_service)
