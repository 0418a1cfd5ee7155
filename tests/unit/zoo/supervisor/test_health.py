import importlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zoo import wire
from zoo.catalog import Catalog, workers
from zoo.catalog.records import WorkerRecord
from zoo.cli.main import build_app
from zoo.connections import receive_message, send_message
from zoo.errors import UnavailableError
from zoo.jobs.keeper import Keeper
from zoo.jobs.presence import this_process
from zoo.predictor import ALIVE, ROUTE
from zoo.settings import Settings, load_settings
from zoo.supervisor.health import check_health

QUICK = {"beat_lost_s": 1.0}


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings({}, home=tmp_path, database_url=database_url or None, **QUICK)


@pytest.fixture
def upstream() -> Iterator[int]:
    """The port of what says that it is alive and ready."""

    class Well(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ("/readyz", "/livez") else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Well) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def complaint(process: str, settings: Settings) -> str:
    with pytest.raises(UnavailableError) as caught:
        check_health(process, settings)
    assert caught.value.code == "unhealthy"
    return caught.value.detail


def worker_on(catalog: Catalog, node: str) -> str:
    with catalog.write() as session:
        row = WorkerRecord(
            id=f"worker_{node}", node=node, pid=1, pid_started="1", queue="cpu", beat=0
        )
        workers.add_worker(session, row)
    return row.id


@pytest.fixture
def beating(catalog: Catalog) -> Iterator[list[str]]:
    """Workers whose ids are put in here beat."""
    ids: list[str] = []
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(0.1):
            for one in list(ids):
                with catalog.write() as session:
                    workers.beat(session, one)

    thread = threading.Thread(target=beat)
    thread.start()
    yield ids
    is_over.set()
    thread.join()


def test_an_api_that_is_ready_is_well(tmp_path: Path, upstream: int) -> None:
    settings = load_settings({}, home=tmp_path, host="0.0.0.0", port=upstream)
    assert check_health("api", settings) == f"the api at http://0.0.0.0:{upstream} is ready"


def test_an_api_that_is_not_there_is_not(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path, port=1)
    assert complaint("api", settings) == "the api at http://127.0.0.1:1 is not ready"


def test_a_predictor_that_answers_is_well(tmp_path: Path) -> None:
    def answer_once() -> None:
        connection, _ = listener.accept()
        with connection:
            assert wire.decode(receive_message(connection))[0][ROUTE] == ALIVE
            send_message(connection, wire.encode({}))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        answered = threads.submit(answer_once)
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        settings = load_settings({}, home=tmp_path, predictor_url=url)
        assert check_health("predictor", settings) == f"the predictor at {url} answers"
        answered.result()


def test_a_predictor_without_its_socket_is_not(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path)
    assert complaint("predictor", settings) == (
        f"the predictor at {settings.resolved_predictor_url} does not answer"
    )


def test_a_worker_of_this_machine_that_beats_is_well(
    settings: Settings, catalog: Catalog, beating: list[str]
) -> None:
    here = this_process().node
    beating.append(worker_on(catalog, here))
    assert check_health("worker", settings) == f"a worker on {here} is at work"


def test_the_beats_of_other_machines_do_not_count(
    settings: Settings, catalog: Catalog, beating: list[str]
) -> None:
    here = this_process().node
    worker_on(catalog, here)
    beating.append(worker_on(catalog, "elsewhere"))
    assert complaint("worker", settings) == f"no worker on {here} has been seen for 1 s"


def test_a_keeper_that_renews_its_lease_is_well(settings: Settings, catalog: Catalog) -> None:
    keeper = Keeper(catalog, settings, ring=lambda *_: None)
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.wait(0.1):
            keeper.lead()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        assert check_health("keeper", settings) == "a keeper leads"
    finally:
        is_over.set()
        thread.join()


def test_a_lease_that_stands_still_is_not(settings: Settings, catalog: Catalog) -> None:
    assert Keeper(catalog, settings, ring=lambda *_: None).lead()
    began = time.monotonic()
    assert complaint("keeper", settings) == "no keeper has led for 1 s"
    assert time.monotonic() - began >= 1


def test_the_command_tells_by_its_exit_code(tmp_path: Path, upstream: int) -> None:
    options = ["--home", str(tmp_path), "--port", str(upstream)]
    ended = CliRunner().invoke(build_app(), ["health", "api", *options])
    assert (ended.exit_code, ended.output) == (
        0,
        f"the api at http://127.0.0.1:{upstream} is ready\n",
    )
    ended = CliRunner().invoke(build_app(), ["health", "api", "--home", str(tmp_path), "--port=1"])
    assert isinstance(ended.exception, UnavailableError)


def test_every_process_that_can_be_started_can_be_asked() -> None:
    health = importlib.import_module("zoo.supervisor.health")
    plan = importlib.import_module("zoo.supervisor.plan")
    processes = importlib.import_module("zoo.cli.processes")
    assert set(health.CHECKS) == set(plan.MODULES) == {str(one) for one in processes.Process}
