"""Plugins that do harm while they forward: it is told of them, and all else goes on."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus

import httpx
import pytest

from tests.faults import awkward
from tests.faults.checker import ROUNDING
from tests.faults.stranger import Json
from tests.faults.topology import Seasoned, Struck
from tests.faults.victims import find
from tests.faults.workloads import send_files
from zoo.testing import tiny
from zoo.testing.distributions import write_distribution
from zoo.testing.pictures import coloured, pictures

pytestmark = pytest.mark.slow

WHITE = coloured((9999, 9999, 9999))
FILES = {**pictures(6, first=1), "white.png": WHITE}
STALLED_S = 60
ATTEMPTS = 1
HARMLESS = ("chatters", "leaks", "forks", "closes", "doubles")
FAULTS = {
    "undefined": "gave numbers that are not finite",
    "raises": "cannot forward: RuntimeError: no white pictures, please",
    "misshapes": "gave float32 (7, 5), not float32 (7, 96)",
    "drops": "gave float32 (6, 96), not float32 (7, 96)",
}
DEATHS = {
    "crashes": "signal 11 (SIGSEGV)",
    "leaves": "exitcode 3",
    "hangs": f"it got nothing done for {STALLED_S} s",
}


@pytest.fixture(scope="module")
def struck(seasoned: Seasoned, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Struck]:
    """A service with the plugin, whose code runs as it is: in torch, not exported."""
    folder = tmp_path_factory.mktemp("awkward")
    path = write_distribution(
        folder / "plugin", "zoo-awkward", version="1", plugins={"awkward": "zoo_awkward:plugin"}
    )
    shutil.copy(awkward.__file__, path / "zoo_awkward.py")
    settings = {
        "PYTHONPATH": f"{path}:{seasoned.path}:{os.environ.get('PYTHONPATH', '')}",
        "ZOO_ENGINE": "eager",
        "ZOO_STALLED_S": str(STALLED_S),
        "ZOO_ATTEMPTS": str(ATTEMPTS),
        "ZOO_PREDICT_TIMEOUT_S": "30",
        "ZOO_WORKER_MEMORY_MB": "700",
    }
    with seasoned.struck(folder, **settings) as made:
        made.checker = replace(made.checker, rounding=ROUNDING)  # the oracle is not torch's
        made.service.start()
        yield made
        made.checker.check(made.asked)
        assert made.service.stop()[0] == 0


def forwarded(struck: Struck, act: str) -> Json:
    """A job that the plugin forwards, as it ended; a job of another model went well meanwhile."""
    [worker] = find(struck.service, "worker")
    stranger = struck.asked.stranger
    stranger.put(f"/v1/collections/{act}", {"model": f"awkward.{act}"})
    job_id = stranger.send(f"/v1/collections/{act}", FILES)
    stranger.accepted.remove(job_id)  # it need not succeed
    send_files(struck.asked)
    ended = stranger.ended(job_id)
    assert worker.is_running()
    return ended


@pytest.mark.parametrize("act", HARMLESS)
def test_what_harms_its_process_alone_is_borne(struck: Struck, act: str) -> None:
    assert forwarded(struck, act)["result"] == {"embedded": 7, "reused": 0, "failed": 0}


@pytest.mark.parametrize("act", FAULTS)
def test_a_network_that_fails_or_gives_no_vectors_fails_its_job_at_once_by_its_plugins_name(
    struck: Struck, act: str
) -> None:
    job = forwarded(struck, act)

    assert (job["state"], job["attempt"], job["error"]) == (
        "failed",
        1,
        {
            "code": "plugin_failed",
            "detail": (
                f"model 'awkward.{act}.v1' {FAULTS[act]}; have the plugin 'awkward' mended, or "
                "use another model"
            ),
        },
    )


@pytest.mark.parametrize("act", DEATHS)
def test_a_network_that_ends_its_process_fails_its_job_in_the_end_by_its_plugins_name(
    struck: Struck, act: str
) -> None:
    job = forwarded(struck, act)

    assert (job["state"], job["attempt"], job["error"]["code"]) == (
        "failed",
        ATTEMPTS,
        "worker_died",
    )
    assert DEATHS[act] in job["error"]["detail"]
    assert (
        f", at work with model 'awkward.{act}.v1' of the plugin 'awkward' "
        f"(after {ATTEMPTS} attempts); once that is mended, "
        f"POST /v1/jobs/{job['id']}/retry does what is left"
    ) in job["error"]["detail"]


def embed(struck: Struck, model: str, content: bytes) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{struck.service.port}/v1/embeddings",
        params={"model": model},
        content=content,
        headers={"Content-Type": "application/octet-stream"},
        timeout=90,
        trust_env=False,
    )


@contextmanager
def others_asking(struck: Struck) -> Iterator[list[httpx.Response]]:
    """The answers to those who ask for another model's embeddings until the block ends."""
    stop = threading.Event()
    answers: list[httpx.Response] = []

    def ask() -> None:
        while not stop.is_set():
            answers.append(embed(struck, tiny.MODEL, FILES["p1.jpeg"]))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield answers
    finally:
        stop.set()
        asking.join()


@pytest.mark.parametrize("act", ["raises", "misshapes", "undefined"])
def test_a_request_that_a_network_fails_is_refused_by_its_plugins_name(
    struck: Struck, act: str
) -> None:
    answer = embed(struck, f"awkward.{act}", WHITE)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json()["code"] == "plugin_failed"
    assert "have the plugin 'awkward' mended" in answer.json()["detail"]


@pytest.mark.parametrize("act", ["crashes", "hangs"])
def test_a_request_that_ends_the_predictor_is_refused_alone(struck: Struck, act: str) -> None:
    assert embed(struck, f"awkward.{act}", FILES["p1.jpeg"]).status_code == HTTPStatus.OK
    with others_asking(struck) as others:
        answer = embed(struck, f"awkward.{act}", WHITE)

    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["code"] == "model_crashed", answer.text
    assert answer.json()["detail"].startswith(f"model 'awkward.{act}.v1' of the plugin 'awkward'")
    assert int(answer.headers["Retry-After"]) > 0
    assert {one.status_code for one in others} == {HTTPStatus.OK}
