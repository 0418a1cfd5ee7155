"""What bounds how soon work can be accepted: a durable commit, and an answer to a POST."""

from __future__ import annotations

import contextlib
import http.client
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.contest.running import environment
from benchmarks.contest.service import free_port
from benchmarks.submitting.clients import Request, Waits, ask

THREADS = 32
"""As many as the service's api has."""
START_S = 30.0
POLL_S = 0.1
BARE = "benchmarks.submitting.bare:app"


def commits(path: Path, requests: Sequence[Request]) -> Waits:
    """One small row a request, committed and made durable as the service's are, by one writer."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE given (body BLOB)")
    seconds = []
    for request in requests:
        began = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO given VALUES (?)", (request.body,))
        connection.execute("COMMIT")
        seconds.append(time.monotonic() - began)
    connection.close()
    p50, p99, most = 1000 * np.percentile(seconds, [50, 99, 100])
    return Waits(
        clients=1,
        p50_ms=float(p50),
        p99_ms=float(p99),
        most_ms=float(most),
        rate=len(seconds) / sum(seconds),
    )


@contextlib.contextmanager
def bare_server(folder: Path) -> Iterator[int]:
    """The port of a Flask application that reads a body and answers, under the same server."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--worker-class=gthread", "--log-level=warning"]
    options = [f"--threads={THREADS}", f"--bind=127.0.0.1:{port}", "--no-control-socket", BARE]
    with (folder / "bare.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], env=environment(), stdout=log, stderr=log)
    try:
        await_answer(port)
        yield port
    finally:
        process.terminate()
        process.wait(START_S)


def await_answer(port: int) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + START_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
        try:
            ask(connection, Request(path="/", body=b"", headers={}))
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        finally:
            connection.close()
        time.sleep(POLL_S)
