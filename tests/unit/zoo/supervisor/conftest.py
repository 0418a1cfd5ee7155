"""A whole service of small scripts, run by the real `zoo up`."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import zoo

ROOT = Path(zoo.__file__).parent.parent

DRIVER = """
import sys, types
from zoo.cli.main import app
from zoo.supervisor import plan
plan.MODULES = {name: f"fake_{name}" for name in plan.MODULES}
sys.modules["zoo_migrations"] = types.SimpleNamespace(upgrade=lambda url: None)
app()
"""

PART = """
import os, signal, sys, time
from pathlib import Path
from zoo import leash
from zoo.settings import load_settings
leash.hold()
name = Path(__file__).stem.removeprefix("fake_")
home = load_settings().home
if os.fork() == 0:
    leash.hold_child()
    signal.pause()
def stop(*_):
    with (home / "stopped").open("a") as stopped:
        stopped.write(name + " ")
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("STUBBORN") == name else stop)
(home / f"{name}.pid").write_text(str(os.getpid()))
"""

SLEEP = "signal.pause()\n"

SERVE = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", load_settings().port), Ready).serve_forever()
"""


class Service:
    """One `zoo up` of fake parts and what it says."""

    def __init__(self, folder: Path, home: Path, port: int) -> None:
        self.folder = folder
        self.home = home
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("ZOO_")}
        return {**mine, "PYTHONPATH": f"{ROOT}:{self.folder}", **more}

    def start(self, **more: str) -> None:
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, str(self.folder / "driver.py"), "up", *self.options()],
                env=self.environment(**more),
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def options(self) -> list[str]:
        return ["--home", str(self.home), "--port", str(self.port)]

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def is_ready(self) -> bool:
        return "listens on" in self.said()

    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def family(self) -> list[psutil.Process]:
        """Everything that it started, directly or not."""
        return psutil.Process(self.pid()).children(recursive=True)

    def wait(self, timeout_s: float) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def none_left() -> Callable[[list[psutil.Process]], bool]:
    return lambda family: not any(is_alive(process) for process in family)


@pytest.fixture
def eventually() -> Callable[..., bool]:
    def wait(holds: Callable[[], bool], timeout_s: float = 15.0) -> bool:
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    return wait


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def service(tmp_path: Path, free_port: int) -> Iterator[Service]:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "driver.py").write_text(DRIVER)
    for name in ("keeper", "worker", "predictor"):
        (folder / f"fake_{name}.py").write_text(PART + SLEEP)
    (folder / "fake_api.py").write_text(PART + SERVE)
    made = Service(folder, tmp_path / "home", free_port)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.send_signal(signal.SIGKILL)
        made.process.wait()
