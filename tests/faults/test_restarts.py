"""Restarts that were asked for, under load."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from tests.faults.either import Either
from tests.faults.nodes import one_by_one
from tests.faults.stranger import Stranger
from tests.faults.topology import Seasoned, Struck
from tests.faults.victims import find
from tests.faults.workloads import send_files
from tests.live import LiveService, eventually, kill
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


@contextmanager
def strangers(struck: Struck, ports: Sequence[int]) -> Iterator[list[Either]]:
    """Callers of several APIs at work until the block ends; none of them may fail."""
    stop = threading.Event()
    failed: list[Exception] = []
    ways = [Either(ports) for _ in range(CALLERS)]

    def call(way: Either) -> None:
        with httpx.Client(base_url="http://127.0.0.1", timeout=20, transport=way) as one:
            asked = replace(struck.asked, stranger=Stranger(one))
            asked.stranger.accepted = struck.asked.stranger.accepted
            asked.stranger.refusals = struck.asked.stranger.refusals
            try:
                while not stop.is_set():
                    send_files(asked)
            except Exception as error:  # noqa: BLE001  # raised again where the block ends
                failed.append(error)

    callers = [threading.Thread(target=call, args=[way]) for way in ways]
    for one in callers:
        one.start()
    try:
        yield ways
    finally:
        stop.set()
        for one in callers:
            one.join()
    if failed:
        raise failed[0]


def test_two_apis_that_are_restarted_in_turn_lose_no_job_and_fail_no_request(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with one_by_one(seasoned, tmp_path) as (struck, nodes):
        apis = [struck.service, nodes.start_api()]
        for api in apis:
            wait_for(api)
        send_files(struck.asked)  # else who is first is chance, and torch rounds by who is beside
        with strangers(struck, [api.port for api in apis]) as ways:
            for number in range(RESTARTS):
                api = apis[number % len(apis)]
                n_accepted = len(struck.asked.stranger.accepted)
                assert api.stop()[0] == 0
                api.process = nodes.start("zoo_api", ZOO_PORT=str(api.port))
                wait_for(api)
                assert len(struck.asked.stranger.accepted) > n_accepted

        missed = [error for way in ways for error in way.missed]
        assert len(missed) > 0, "none of them was ever away"
        assert {type(error) for error in missed} == {httpx.ConnectError}
        assert struck.asked.stranger.refusals == []
        struck.checker.check(struck.asked)


def wait_for(api: LiveService) -> None:
    eventually(api.is_ready, what=api.said)


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
