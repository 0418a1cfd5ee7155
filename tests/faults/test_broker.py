"""The broker dies, forgets or stands still: what was accepted is done all the same."""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.faults.at_work import at_work
from tests.faults.topology import Seasoned, Struck
from tests.faults.victims import find
from tests.faults.workloads import send_files
from tests.live import kill
from zoo.testing.pictures import pictures

pytestmark = pytest.mark.slow

STANDS_STILL_S = 4.0


def die(struck: Struck) -> None:
    kill(find(struck.service, "broker"))


def die_without_a_log(struck: Struck) -> None:
    shutil.rmtree(struck.service.home / "run" / "broker" / "appendonlydir", ignore_errors=True)
    die(struck)


def forget(struck: Struck) -> None:
    path = str(struck.checker.settings.runtime_dir / "broker.sock")
    with redis.Redis(unix_socket_path=path) as client:
        client.flushall()


def stand_still(struck: Struck) -> None:
    broker = find(struck.service, "broker")
    kill(broker, signal.SIGSTOP)
    began = time.monotonic()
    files = pictures(3, first=1)
    job_id = struck.asked.stranger.send(struck.asked.new_collection(files), files)
    assert time.monotonic() - began < STANDS_STILL_S, "it is not accepted without the broker"
    time.sleep(STANDS_STILL_S)
    kill(broker, signal.SIGCONT)
    struck.asked.stranger.ended(job_id)


@pytest.mark.parametrize("happen", [die, die_without_a_log, forget, stand_still])
def test_a_broker_may_come_to_grief_and_no_job_does(
    seasoned: Seasoned, tmp_path: Path, happen: Callable[[Struck], None]
) -> None:
    with seasoned.struck(tmp_path, ZOO_WAKE_AGAIN_S="2") as struck:
        struck.service.start()
        for work in (send_files, send_files):
            with at_work(struck, work):
                happen(struck)
        struck.checker.check(struck.asked)
        struck.end()
