"""Restarts that were asked for, under load."""

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.faults.topology import Seasoned
from tests.faults.victims import find
from tests.live import kill
from zoo.testing.pictures import pictures

pytestmark = pytest.mark.slow

LOADED_S = 6.0
CALLERS = 4


def test_an_api_that_is_told_to_reload_refuses_nobody(seasoned: Seasoned, tmp_path: Path) -> None:
    with seasoned.struck(tmp_path) as struck:
        service, asked = struck.service, struck.asked
        service.start()
        files = pictures(8, first=1)
        address = asked.new_collection(files)
        asked.stranger.ended(asked.stranger.send(address, files))
        [row, *_] = asked.stranger.rows(f"{address}/items")
        until = time.monotonic() + LOADED_S
        failed: list[Exception] = []
        answered: list[int] = []

        def call() -> None:
            while time.monotonic() < until:
                try:
                    service.post(f"{address}/search", {"item_id": row["id"]})
                    answered.append(1)
                except Exception as error:  # noqa: BLE001  # counted, whatever it is
                    failed.append(error)

        callers = [threading.Thread(target=call) for _ in range(CALLERS)]
        for one in callers:
            one.start()
        master, worker = service.parts("zoo_api")
        kill(find(service, "api"), signal.SIGHUP)
        for one in callers:
            one.join()

        assert failed == []
        assert len(answered) > CALLERS
        assert (master.is_running(), worker.is_running()) == (True, False)
        struck.checker.check(asked)
        struck.end()
