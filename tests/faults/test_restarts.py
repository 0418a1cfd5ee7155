"""Restarts that were asked for, under load."""

import http.client
import json
import signal
import threading
import time
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.faults.topology import Seasoned
from tests.faults.victims import find
from tests.live import kill
from zoo.testing.pictures import picture, pictures

pytestmark = pytest.mark.slow

LOADED_S = 6.0
CALLERS = 4
RESTARTS = 4
PAUSE_S = 1.0


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


def test_a_request_that_is_under_way_is_answered_before_its_api_ends(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with seasoned.struck(tmp_path) as struck:
        struck.service.start()
        address = struck.asked.new_collection({"p": (content := picture(1))})
        [master, *_] = find(struck.service, "api")
        asking = http.client.HTTPConnection("127.0.0.1", struck.service.port, timeout=20)
        with closing(asking):
            asking.putrequest("POST", f"{address}/items?name=p")
            asking.putheader("Content-Type", "image/jpeg")
            asking.putheader("Content-Length", str(len(content)))
            asking.endheaders(content[:100])
            time.sleep(PAUSE_S)  # it has to be read from
            kill([master], signal.SIGTERM)
            time.sleep(PAUSE_S)
            asking.send(content[100:])
            answer = asking.getresponse()
            job = json.loads(answer.read())

        assert answer.status == HTTPStatus.ACCEPTED
        struck.asked.stranger.accepted.append(job["id"])
        assert struck.asked.stranger.ended(job["id"])["state"] == "succeeded"
        assert not master.is_running()
        struck.checker.check(struck.asked)
        struck.end()
