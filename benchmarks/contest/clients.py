"""Clients that send one picture at a time over a connection that they keep."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.contest.task import cpu_s

BOUNDARY = "a-boundary-that-no-jpeg-has"
TIMEOUT_S = 120.0
START_S = 180.0
POLL_S = 0.2
LAST_WORDS = 2000


class NotServedError(Exception):
    """A server does not answer as it should."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where and how a server takes a picture."""

    port: int
    path: str
    is_form: bool

    def body(self, picture: bytes) -> tuple[bytes, dict[str, str]]:
        """A request's body and headers."""
        if not self.is_form:
            return picture, {"Content-Type": "image/jpeg"}
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return head.encode() + picture + f"\r\n--{BOUNDARY}--\r\n".encode(), {"Content-Type": kind}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What so many clients met."""

    clients: int
    cpu_ms: float  # of all the server's processes, a request
    p50_ms: float
    p99_ms: float
    rate: float  # requests a second


def press(
    target: Target, root: psutil.Process, pictures: Sequence[bytes], *, clients: int, requests: int
) -> Load:
    """Send that many requests in all; raises `NotServedError` for an answer that is no success."""
    turns = _Turns(requests)
    cpu_before, began = cpu_s(root), time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        latencies = [
            latency
            for found in pool.map(lambda _: _send(target, pictures, turns), range(clients))
            for latency in found
        ]
    wall_s, spent_s = time.monotonic() - began, cpu_s(root) - cpu_before
    p50, p99 = np.percentile(latencies, [50, 99])
    return Load(
        clients=clients,
        cpu_ms=1000 * spent_s / requests,
        p50_ms=1000 * float(p50),
        p99_ms=1000 * float(p99),
        rate=requests / wall_s,
    )


def await_answer(target: Target, picture: bytes, root: psutil.Process, *, log: Path) -> None:
    """Wait until a picture is embedded; raises `NotServedError` with the server's last words."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            _send(target, [picture], _Turns(1))
        except (OSError, http.client.HTTPException, NotServedError) as error:
            if time.monotonic() > deadline or not _runs(root):
                said = log.read_text(errors="replace")[-LAST_WORDS:]
                raise NotServedError(f"it does not get ready ({error}): {said}") from error
        else:
            return
        time.sleep(POLL_S)


class _Turns:
    """Numbers from 0 to below `total`, each given out once, to any thread."""

    def __init__(self, total: int) -> None:
        self._numbers = iter(range(total))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._numbers)


def _send(target: Target, pictures: Sequence[bytes], turns: _Turns) -> list[float]:
    """Seconds that each answer took."""
    latencies = []
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=TIMEOUT_S)
    try:
        for turn in turns:
            body, headers = target.body(pictures[turn % len(pictures)])
            began = time.monotonic()
            connection.request("POST", target.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            latencies.append(time.monotonic() - began)
            if answer.status >= http.client.BAD_REQUEST:
                raise NotServedError(f"it answered {answer.status}: {content[:200]!r}")
    finally:
        connection.close()
    return latencies


def _runs(root: psutil.Process) -> bool:
    return root.is_running() and root.status() != psutil.STATUS_ZOMBIE
