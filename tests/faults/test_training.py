"""Training that dies at random instants gives the network that it would have given anyway."""

import random
import time
from pathlib import Path

import pytest

from tests.faults.topology import Seasoned, Struck
from tests.faults.victims import CHILD, find
from tests.live import kill
from tests.pictures import striped, zipped
from zoo.testing import tiny

pytestmark = pytest.mark.slow

DEATHS = 4
SPEC = {
    "dataset": "stripes",
    "model": tiny.MODEL,
    "name": "m",
    "strategy": "full",
    "epochs": 60,
    "patience": 60,
    "rate": 0.02,
    "augmentation": "none",
}


def test_a_network_whose_workers_are_killed_while_it_trains_is_the_same_to_the_bit(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with seasoned.struck(tmp_path, ZOO_CHECKPOINT_EVERY_S="0.1") as struck:
        struck.service.start()
        stranger = struck.asked.stranger
        stranger.put("/v1/datasets/stripes", {})
        files = {
            f"{label}/{number}.png": striped(label, number)
            for label in ("level", "upright")
            for number in range(40)
        }
        stranger.ended(stranger.send_zip("/v1/datasets/stripes", zipped(files)))

        undisturbed = stranger.submit("/v1/jobs", json={"type": "fine_tune", "spec": SPEC})
        assert stranger.ended(undisturbed)["result"]["strategy_used"] == "full"
        disturbed = stranger.submit("/v1/jobs", json={"type": "fine_tune", "spec": SPEC})
        kill_trainers(struck, disturbed)
        assert stranger.ended(disturbed)["result"]["strategy_used"] == "full"

        newest, oldest = stranger.rows("/v1/models/m/versions")
        for version in (newest, oldest):
            assert version["lineage"]["weights_hash"] != version["lineage"]["parent_weights_hash"]
        assert newest["lineage"]["weights_hash"] == oldest["lineage"]["weights_hash"]
        assert newest["sha256"] == oldest["sha256"]
        struck.checker.check(struck.asked)
        struck.end()


def kill_trainers(struck: Struck, job_id: str) -> None:
    """Kill all children of the worker, again and again, each time after some more steps."""
    drawn = random.Random(0)
    for _ in range(DEATHS):
        n_before = steps_told(struck, job_id)
        while steps_told(struck, job_id) <= n_before:
            time.sleep(0.02)
        time.sleep(drawn.uniform(0, 0.3))
        assert struck.asked.stranger.get(f"/v1/jobs/{job_id}")["state"] == "running"
        kill(find(struck.service, CHILD))


def steps_told(struck: Struck, job_id: str) -> int:
    stranger = struck.asked.stranger
    return len(list(stranger.rows(f"/v1/jobs/{job_id}/metrics?of=step&limit=1000")))
