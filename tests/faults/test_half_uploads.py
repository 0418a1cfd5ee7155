"""Uploads that break off or crawl: they leave nothing, and hold nobody up."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.claims import await_that
from tests.faults.topology import Seasoned, Struck
from tests.live import multipart
from zoo.testing.pictures import pictures

pytestmark = pytest.mark.slow

CRAWLERS = 12
LARGE = 1 << 18


@contextmanager
def half_sent(struck: Struck, address: str) -> Iterator[socket.socket]:
    """A request of which the second half has not come yet."""
    kind, content = multipart((f"{number}.jpeg", bytes(LARGE)) for number in range(8))
    head = (
        f"POST {address}/items HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", struck.service.port)) as connection:
        connection.sendall(head.encode() + content[: len(content) // 2])
        yield connection


def test_an_upload_that_breaks_off_leaves_no_job_and_no_file(
    seasoned: Seasoned, tmp_path: Path
) -> None:
    with seasoned.struck(tmp_path) as struck:
        struck.service.start()
        address = struck.asked.new_collection({})
        spool = struck.service.home / "tmp"
        jobs = struck.asked.stranger.get("/v1/jobs")["data"]
        with half_sent(struck, address):
            await_that(lambda: any(spool.glob("pack_*")))

        await_that(lambda: not any(spool.glob("pack_*")))
        assert struck.asked.stranger.get("/v1/jobs")["data"] == jobs
        struck.checker.check(struck.asked)
        struck.end()


def test_uploads_that_crawl_hold_nobody_up(seasoned: Seasoned, tmp_path: Path) -> None:
    with seasoned.struck(tmp_path) as struck:
        struck.service.start()
        address = struck.asked.new_collection({})
        crawling = [half_sent(struck, address) for _ in range(CRAWLERS)]
        for one in crawling:
            one.__enter__()
        files = pictures(3, first=1)
        began = time.monotonic()
        struck.asked.stranger.ended(
            struck.asked.stranger.send(struck.asked.new_collection(files), files)
        )
        assert time.monotonic() - began < 30
        for one in crawling:
            one.__exit__(None, None, None)
        struck.checker.check(struck.asked)
        struck.end()
