"""Clients that each send one small request after the other and note how soon they are answered."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

TIMEOUT_S = 300.0


class RefusedError(Exception):
    """A request was not answered as it should be."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One POST."""

    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, and after how long."""

    request: Request
    seconds: float
    body: Any  # JSON


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long so many clients waited for an answer."""

    clients: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    rate: float  # answers a second


def send_all(
    port: int, requests: Sequence[Request], *, clients: int, every_s: float = 0.0
) -> tuple[list[Answer], Waits]:
    """Have each client send its share over a connection of its own, one after the other.

    With `every_s` a client begins no request sooner than so many seconds after the one before.
    Raises `RefusedError` for an answer that is no success.
    """
    began = time.monotonic()
    shares = [requests[number::clients] for number in range(clients)]
    starts = [began + every_s * number / clients for number in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        found = list(
            pool.map(lambda share, start: send(port, share, pace(start, every_s)), shares, starts)
        )
    answers = [one for of_client in found for one in of_client]
    return answers, waits_of(answers, time.monotonic() - began, clients=clients)


def pace(start: float, every_s: float) -> Callable[[], None]:
    """Waits, each time that it is called, for the next instant of a regular row."""
    numbers = count()

    def wait() -> None:
        time.sleep(max(0.0, start + every_s * next(numbers) - time.monotonic()))

    return wait


def send(
    port: int, requests: Sequence[Request], before_each: Callable[[], None] = lambda: None
) -> list[Answer]:
    """Send over one connection, one request after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    answers = []
    try:
        for request in requests:
            before_each()
            answers.append(ask(connection, request))
    finally:
        connection.close()
    return answers


def ask(connection: http.client.HTTPConnection, request: Request) -> Answer:
    """One answer; `RefusedError` if it is no success."""
    began = time.monotonic()
    connection.request("POST", request.path, request.body, dict(request.headers))
    answer = connection.getresponse()
    content = answer.read()
    seconds = time.monotonic() - began
    if answer.status >= http.client.BAD_REQUEST:
        raise RefusedError(f"{request.path} answered {answer.status}: {content[:300]!r}")
    return Answer(request=request, seconds=seconds, body=json.loads(content))


def waits_of(answers: Sequence[Answer], wall_s: float, *, clients: int) -> Waits:
    """What was met, summed up."""
    p50, p99, most = np.percentile([one.seconds for one in answers], [50, 99, 100])
    return Waits(
        clients=clients,
        p50_ms=1000 * float(p50),
        p99_ms=1000 * float(p99),
        most_ms=1000 * float(most),
        rate=len(answers) / wall_s,
    )
