"""The API as a process: how it starts, what it weighs, and that it stops."""

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

import zoo_migrations
from zoo.settings import Settings, load_settings
from zoo_api.connections import SILENT_S
from zoo_api.server import ApiServer

LIGHT = 150_000_000  # bytes, master and worker together


def start(settings: Settings) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "zoo_api"]
    environment = {**os.environ, **settings.environment(), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def post_file(client: httpx.Client) -> str:
    """The id of the job that one labelled file makes."""
    client.put("/v1/datasets/pets", json={}).raise_for_status()
    kind = {"Content-Type": "image/png"}
    answer = client.post("/v1/datasets/pets/items?label=cat", content=b"x", headers=kind)
    return str(answer.raise_for_status().json()["id"])


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def is_taken_in(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    made = load_settings({}, home=tmp_path, port=port)
    zoo_migrations.upgrade(made.resolved_database_url)
    return made


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=30) as made:
        yield made


@pytest.fixture
def server(settings: Settings, client: httpx.Client) -> Iterator[subprocess.Popen[str]]:
    with start(settings) as started:
        deadline = time.monotonic() + 60
        while not is_ready(client):
            assert started.poll() is None, "the API ended at once"
            assert time.monotonic() < deadline, "the API did not start"
            time.sleep(0.05)
        yield started
        if started.poll() is None:
            started.kill()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"host": "0.0.0.0"},
            "binding to 0.0.0.0 would let anybody on the network in: it needs an API key, "
            "and this home has none; bind to 127.0.0.1, or make a key with: "
            "zoo key create --name NAME --scope submit --home {home}\n",
        ),
        ({"port": "many"}, "ZOO_PORT is 'many'; it should be an int\n"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_sentence(
    settings: Settings, changed: dict[str, str], sentence: str
) -> None:
    with start(replace(settings, **changed)) as refused:
        assert refused.communicate(timeout=60)[1] == sentence.format(home=settings.home)
    assert refused.returncode == 2


def test_a_taken_port_ends_it_with_one_sentence(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.port)), start(settings) as refused:
        assert refused.communicate(timeout=60)[1] == (
            f"port {settings.port} is taken on 127.0.0.1; "
            "stop what listens there or choose another with --port\n"
        )
    assert refused.returncode == 2


def test_it_is_light_and_stops_soon_though_a_stream_is_open(
    client: httpx.Client, server: subprocess.Popen[str]
) -> None:
    with client.stream("GET", f"/v1/jobs/{post_file(client)}/events") as stream:
        assert next(stream.iter_lines()).startswith("id: ")
        master = psutil.Process(server.pid)
        family = [master, *master.children(recursive=True)]
        if sys.platform == "linux":
            assert sum(one.memory_full_info().pss for one in family) < LIGHT

        server.send_signal(signal.SIGTERM)

        assert server.wait(10) == 0
        assert psutil.wait_procs(family[1:], timeout=5)[1] == []
    assert not is_ready(client)


def test_who_has_connected_before_it_stops_is_answered_and_who_comes_later_is_refused(
    settings: Settings, client: httpx.Client, server: subprocess.Popen[str]
) -> None:
    client.close()  # its connection would be kept for two seconds
    address = ("127.0.0.1", settings.port)
    [worker] = psutil.Process(server.pid).children()
    with ExitStack() as stack:
        worker.suspend()  # so that it finds them all waiting when it is told
        waiting = [stack.enter_context(socket.create_connection(address)) for _ in range(3)]
        server.terminate()
        worker.terminate()
        worker.resume()
        while is_taken_in(address):
            pass
        for one in waiting:
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert one.recv(15) == b"HTTP/1.1 200 OK"
            one.close()
    assert server.wait(10) == 0


@pytest.mark.slow
def test_callers_who_do_not_go_on_keep_nobody_waiting_for_longer_than_a_silence(
    settings: Settings, client: httpx.Client, server: subprocess.Popen[str]
) -> None:
    head = b"PUT /v1/datasets/d HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    stopped = [head + b"Content-Length: 1000\r\n\r\n{", head]
    with ExitStack() as stack, client.stream("GET", f"/v1/jobs/{post_file(client)}/events") as own:
        events = own.iter_lines()
        next(events)
        callers = []
        for n in range(settings.api_threads + 18):
            made = socket.create_connection(("127.0.0.1", settings.port))
            callers.append(stack.enter_context(made))
            made.sendall(stopped[n % 2])
        began = time.monotonic()
        assert client.get("/livez", timeout=2 * SILENT_S).status_code == httpx.codes.OK
        assert time.monotonic() - began < SILENT_S + 5
        answer = b"".join(iter(lambda: callers[0].recv(1 << 16), b""))
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in answer
        assert any(line.startswith(":") for line in events)  # the stream goes on
    assert server.poll() is None


def test_what_an_application_is_made_of_is_never_looked_through_for_garbage(
    settings: Settings,
) -> None:
    try:
        ApiServer(settings).load()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
