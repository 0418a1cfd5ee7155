"""A real `zoo up` of its own, spoken to with the standard library alone, as a stranger would."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

LITE0 = "lite.efficientnet_lite0"
SANDBOX = "zoo/images/child"
"""What the command lines of the processes that decode have."""
LIVE = ("queued", "running", "cancelling")
PATIENCE_S = 120.0
"""How long anything may take on a machine that is busy; what is promised is asserted apart."""
Json = Any  # what a test reads from an answer


class RefusedError(Exception):
    """An answer of 400 or more, with its problem."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status}: {problem}")
        self.status = status
        self.problem = problem


class LiveService:
    """One home and the service on it; it may be killed and started again."""

    def __init__(self, home: Path, settings: Mapping[str, str] = {}) -> None:
        self.home = home
        self.settings = dict(settings)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = home.parent / f"{home.name}.log"

    def start(self, *options: str) -> float:
        """Start it and return how many seconds it took until it was ready."""
        began = time.monotonic()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                zoo("up", "--home", str(self.home), "--port", str(self.port), *options),
                env={**environment(), **self.settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self.is_ready, what=self.said)
        return time.monotonic() - began

    def stop(self) -> tuple[int, float]:
        """Ask it to end; its exit code and the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        return self.process.wait(30), time.monotonic() - began

    def end(self) -> None:
        """Leave nothing of it, whatever a test did."""
        if self.process is not None and self.process.poll() is None:
            family = self.family()
            self.process.kill()
            self.process.wait(10)
            eventually(lambda: not living(family), what="a killed service leaves nothing")

    def said(self) -> str:
        """What it wrote to its terminal."""
        return self._log.read_text()

    def is_ready(self) -> bool:
        """Whether requests are served."""
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            return bool(self.get("/readyz")["status"] == "ready")
        except (OSError, RefusedError):
            return False

    def readiness(self) -> str:
        """What it says of its parts, or why it says nothing."""
        try:
            return json.dumps(self.get("/readyz"))
        except (OSError, RefusedError) as error:
            return repr(error)

    def family(self) -> list[psutil.Process]:
        """The supervisor and everything that it started, directly or not."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def parts(self, name: str) -> list[psutil.Process]:
        """The processes of one part: a module's name, or `valkey-server`."""
        return [one for one in self.family() if name in _command(one)]

    def request(
        self, method: str, path: str, content: bytes | None = None, **headers: str
    ) -> tuple[int, Json, dict[str, str]]:
        """Status, JSON and headers of an answer; raises `RefusedError`."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=content,
            method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(asked, timeout=60) as answer:
                body = answer.read()
                return answer.status, json.loads(body) if body else None, dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, json.loads(error.read())) from None

    def get(self, path: str) -> Json:
        """The JSON of a GET."""
        return self.request("GET", path)[1]

    def put(self, path: str, body: Json) -> Json:
        """PUT JSON."""
        return self.request("PUT", path, json.dumps(body).encode(), **JSON_BODY)[1]

    def post(self, path: str, body: Json) -> Json:
        """POST JSON."""
        return self.request("POST", path, json.dumps(body).encode(), **JSON_BODY)[1]

    def post_files(self, path: str, files: Iterable[tuple[str, bytes]], **headers: str) -> Json:
        """POST files as octet-stream parts named `files`."""
        kind, content = multipart(files)
        return self.request("POST", path, content, Content_Type=kind, **headers)[1]

    def rows(self, path: str, *, limit: int = 100) -> Iterator[Json]:
        """All rows of a list, its cursors pasted into the address as they are."""
        joint = "&" if "?" in path else "?"
        page = self.get(f"{path}{joint}limit={limit}")
        yield from page["data"]
        while page["next_cursor"] is not None:
            page = self.get(f"{path}{joint}limit={limit}&cursor={page['next_cursor']}")
            yield from page["data"]

    def finished(self, job: Json, *, timeout_s: float = PATIENCE_S) -> Json:
        """A job as it stands when it has ended."""
        path = f"/v1/jobs/{job['id']}"
        eventually(
            lambda: self.get(path)["state"] not in LIVE,
            timeout_s=timeout_s,
            what=lambda: f"{self.get(path)}\n{self.said()}",
        )
        return self.get(path)

    def season(self) -> None:
        """Wait until all plugins are described and the weights in use stand in the home."""
        eventually(
            lambda: all(row["state"] != "pending" for row in self.get("/v1/plugins")["data"]),
            what=self.said,
        )
        self.put("/v1/collections/first", {"model": LITE0})
        self.request("DELETE", "/v1/collections/first")


JSON_BODY = {"Content_Type": "application/json"}


def zoo(*arguments: str) -> list[str]:
    """The command line of `zoo`, from this interpreter's environment."""
    return [sys.executable, "-m", "zoo.cli", *arguments]


def environment() -> dict[str, str]:
    """This one without settings of ours, and without the wish for no bytecode."""
    dropped = "PYTHONDONTWRITEBYTECODE"
    return {k: v for k, v in os.environ.items() if not k.startswith("ZOO_") and k != dropped}


def run_zoo(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `zoo` to its end, with settings in its environment."""
    return subprocess.run(
        zoo(*arguments),
        env={**environment(), **settings},
        capture_output=True,
        text=True,
        timeout=30,
    )


@contextlib.contextmanager
def live_service(
    home: Path, *, seasoned: Path | None = None, settings: Mapping[str, str] = {}
) -> Iterator[LiveService]:
    """A service that has not been started, on a copy of a seasoned home if one is given."""
    if seasoned is not None:
        shutil.copytree(seasoned, home, ignore=shutil.ignore_patterns("*.sock", "zoo.lock"))
    made = LiveService(home, settings)
    try:
        yield made
    finally:
        made.end()


def multipart(files: Iterable[tuple[str, bytes]], *, name: str = "files") -> tuple[str, bytes]:
    """The media type and the bytes of a form with these files."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for file, content in files
    ]
    return (
        f"multipart/form-data; boundary={boundary}",
        b"".join(parts) + f"--{boundary}--\r\n".encode(),
    )


def eventually(
    holds: Callable[[], bool], *, timeout_s: float = PATIENCE_S, what: str | Callable[[], str]
) -> float:
    """Wait for a condition and return the seconds that it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise AssertionError(what if isinstance(what, str) else what())
        time.sleep(0.02)
    return time.monotonic() - began


def living(processes: Iterable[psutil.Process]) -> list[str]:
    """Which of these still live, by their command lines."""
    return [_command(one) for one in processes if _is_alive(one)]


def kill(processes: Iterable[psutil.Process], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to processes of ours that still live."""
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(number)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(process: psutil.Process) -> str:
    try:
        return " ".join([process.name(), *process.cmdline()])
    except psutil.NoSuchProcess:
        return ""


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
