"""Finds, starts and ends the service of the demo."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from workshop.environment import BIN, STATE, environment
from workshop.errors import CannotError

PORT = 8700
START_PATIENCE_S = 120.0
STOP_PATIENCE_S = 30.0
LAST_LINES = 15


@dataclass(frozen=True)
class Service:
    """A `zoo up` that runs on a home."""

    pid: int
    url: str


def find_service(home: Path) -> Service | None:
    """The service that runs on a home, told by the lock that it holds."""
    lock = home / "run" / "zoo.lock"
    if not is_locked(lock):
        return None
    pid = int(lock.read_text().strip() or 0)
    with contextlib.suppress(OSError, ValueError, TypeError):
        noted = Service(**json.loads((home / "run" / "address.json").read_text()))
        if noted.pid == pid:
            return noted
    return Service(pid=pid, url=f"http://127.0.0.1:{PORT}")


def is_locked(lock: Path) -> bool:
    """Whether a running process holds this lock."""
    try:
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def start_service(home: Path, *, port: int) -> Service:
    """Start the service for good, apart from this terminal, and wait until it is ready."""
    free = free_port(port)
    if free != port:
        print(f"port {port} is taken by another program; using {free}")
    log = STATE / "demo-up.log"
    (home / "run").mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        started = subprocess.Popen(
            [BIN / "zoo", "up", "--home", home, "--port", str(free)],
            cwd=home,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    service = Service(pid=started.pid, url=f"http://127.0.0.1:{free}")
    (home / "run" / "address.json").write_text(json.dumps(asdict(service)))
    wait_until_ready(service, started, log)
    return service


def free_port(wanted: int) -> int:
    """The wanted port or the next one that nobody listens on."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise CannotError(f"no port is free from {wanted} on; name another with --port")


def wait_until_ready(service: Service, started: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the service takes requests; end it if it does not come up."""
    began = time.monotonic()
    try:
        while not is_ready(service.url):
            waited_s = time.monotonic() - began
            show_wait(f"starting the service: {waited_s:.0f} s")
            if started.poll() is not None or waited_s > START_PATIENCE_S:
                raise CannotError(f"the service does not start; {log} ends with\n{tail(log)}")
            time.sleep(0.2)
    except BaseException:
        end(started.pid)
        raise
    show_wait("")
    print(f"the service is ready after {time.monotonic() - began:.1f} s: {service.url}")


def is_ready(url: str) -> bool:
    """Whether a service takes requests there."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def show_wait(line: str) -> None:
    """Write over the current line of a terminal."""
    if sys.stdout.isatty():
        print(f"\r{line:<60}" if line else "\r" + " " * 60 + "\r", end="", flush=True)


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])


def end(pid: int) -> None:
    """Ask a service to stop and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_PATIENCE_S
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise CannotError(f"process {pid} does not stop; end it with: kill -9 {pid}")
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a child of ours that has ended is buried."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
