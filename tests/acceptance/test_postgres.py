"""Two APIs, two keepers and two workers on one PostgreSQL, and one of each killed on the way."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster import Cluster, cluster
from tests.databases import PostgresServer
from tests.live import LITE0, Json, LiveService, eventually, run_zoo
from tests.pictures import picture

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    return postgres.migrated()


@pytest.fixture
def nodes(tmp_path: Path, database_url: str) -> Iterator[Cluster]:
    with cluster(tmp_path / "home", database_url) as made:
        yield made


def pictures(numbers: range) -> list[tuple[str, bytes]]:
    return [(f"{n}.jpg", picture(n, width=160, height=120)) for n in numbers]


def completed(service: LiveService, job: Json) -> int:
    return int(service.get(f"/v1/jobs/{job['id']}")["progress"]["completed"])


def leader(postgres: PostgresServer, database_url: str) -> int:
    """Process id of the keeper that holds the lease; 0 while nobody does."""
    name = database_url.partition("?")[0].rpartition("/")[2]
    rows = postgres.execute("SELECT holder FROM leases", name)
    return int(rows[0][0].split("/")[-2]) if rows else 0


def test_two_of_each_process_share_the_work_and_outlive_one_of_each(
    nodes: Cluster, postgres: PostgresServer, database_url: str
) -> None:
    keepers = [nodes.start("zoo.jobs.serve") for _ in range(2)]
    workers = [nodes.start("zoo_workers") for _ in range(2)]
    nodes.start("zoo.inference.serve")
    first, second = nodes.start_api(), nodes.start_api()
    for service in (first, second):
        eventually(service.is_ready, timeout_s=60, what=service.said)
    eventually(lambda: leader(postgres, database_url) != 0, what=first.said)
    url = "/v1/collections/many"
    first.put(url, {"model": LITE0})

    jobs = [
        first.post_files(f"{url}/items", pictures(range(200))),
        second.post_files(f"{url}/items", pictures(range(100, 300))),
    ]
    eventually(lambda: completed(second, jobs[0]) > 0, timeout_s=90, what=first.said)
    killed = leader(postgres, database_url)
    assert killed in [one.pid for one in keepers]
    psutil.Process(killed).kill()
    workers[0].kill()
    assert completed(first, jobs[0]) + completed(first, jobs[1]) < 400, "it ended too early"
    ended = [second.finished(job, timeout_s=180) for job in jobs]

    [heir] = {one.pid for one in keepers} - {killed}
    assert leader(postgres, database_url) == heir
    assert [job["state"] for job in ended] == ["succeeded", "succeeded"]
    sums = sum((Counter(job["result"]) for job in ended), Counter())
    assert sums == Counter(embedded=300, reused=100)
    rows = list(first.rows(f"{url}/items", limit=97))
    given = [*range(200), *range(100, 300)]
    assert Counter(row["name"] for row in rows) == Counter(f"{n}.jpg" for n in given)
    for service in (first, second):
        hits = service.post(f"{url}/search", {"item_id": rows[0]["id"], "k": 1000})["hits"]
        assert len(hits) == 400
    sound = run_zoo("fsck", "--home", str(nodes.home), ZOO_DATABASE_URL=database_url)
    assert sound.stdout == f"the home {nodes.home} is in order\n"
