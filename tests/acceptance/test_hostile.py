"""A running service is given every hostile file, and its sandboxes are killed and stopped."""

import signal
from collections import Counter

import psutil
import pytest

from tests.hostile.catalogue import ALL
from tests.live import LITE0, SANDBOX, LiveService, eventually, kill
from tests.pictures import picture

ARCHIVES = ("a zip", "a gzipped picture")
"""What is no picture for its decoder, and is expanded when it is uploaded."""


@pytest.mark.slow
def test_hostile_files_and_dying_sandboxes_cost_no_picture_and_no_worker(
    shared: LiveService,
) -> None:
    service, url = shared, "/v1/collections/hostile"
    service.put(url, {"model": LITE0})
    hostile = {f"{kind}: {one.name}": one for kind, one in ALL if one.name not in ARCHIVES}
    good = {f"good {n}": picture(9000 + n, width=160, height=120) for n in range(60)}
    made = {name: one.make() for name, one in hostile.items()}
    given = [*good.items(), *made.items()]
    job = service.post_files(f"{url}/items", given)
    eventually(lambda: len(sandboxes(service)) > 1, what="the workers decode")
    workers = service.parts("zoo_workers")
    stopped, killed = sandboxes(service)[:2]
    kill([stopped], signal.SIGSTOP)
    kill([killed])

    ended = service.finished(job)

    refused = {name: one.verdict for name, one in hostile.items() if isinstance(one.verdict, str)}
    rows = list(service.rows(f"/v1/jobs/{job['id']}/items?state=failed", limit=1000))
    assert {row["name"]: row["error"]["code"] for row in rows} == refused
    assert ended["state"] == "succeeded", ended
    assert sum(ended["result"].values()) == len(given)
    items = Counter(row["name"] for row in service.rows(f"{url}/items", limit=1000))
    assert items == Counter({*good, *hostile} - refused.keys())
    assert {one.pid for one in workers} == {one.pid for one in service.parts("zoo_workers")}


def sandboxes(service: LiveService) -> list[psutil.Process]:
    """Those of the workers; the predictor has some too."""
    workers = {one.pid for one in service.parts("zoo_workers")}
    return [one for one in service.parts(SANDBOX) if one.ppid() in workers]
