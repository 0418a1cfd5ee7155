"""Whether every job that was accepted came to a true end, and nothing is there twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from benchmarks.contest.service import LIVE, Json, Service
from benchmarks.submitting.clients import Answer, Request

POLL_S = 1.0
DONE = {"embedded": 1, "reused": 0, "failed": 0}


class UntrueError(Exception):
    """The service says what is not so."""


def await_ends(service: Service, *, patience_s: float) -> None:
    """Wait until no job is under way."""
    deadline = time.monotonic() + patience_s
    while any(service.ask("GET", f"/v1/jobs?limit=1&state={state}")["data"] for state in LIVE):
        if time.monotonic() > deadline:
            raise UntrueError(f"jobs are under way after {patience_s:g} s")
        time.sleep(POLL_S)


def check(service: Service, answers: Sequence[Answer]) -> None:
    """Every job has taken its one picture in, and each is an item once; raises `UntrueError`."""
    jobs = {job["id"]: job for job in rows(service, "/v1/jobs")}
    lost = [one.body["id"] for one in answers if one.body["id"] not in jobs]
    if lost:
        raise UntrueError(f"{len(lost)} jobs were accepted and are unknown: {lost[:3]}")
    untrue = [
        job
        for job in (jobs[one.body["id"]] for one in answers)
        if job["state"] != "succeeded" or job["result"] != DONE
    ]
    if untrue:
        raise UntrueError(f"{len(untrue)} jobs did not take their picture in: {untrue[:3]}")
    wanted: dict[str, Counter[tuple[str, str]]] = {}
    for one in answers:
        collection, item = given(one.request)
        wanted.setdefault(collection, Counter())[item] += 1
    for collection, items in wanted.items():
        found = Counter(
            (item["name"], item["sha256"])
            for item in rows(service, f"/v1/collections/{collection}/items")
        )
        if found != items:
            raise UntrueError(
                f"collection {collection!r} lacks {len(items - found)} items, "
                f"and has {len(found - items)} that it should not have"
            )


def given(request: Request) -> tuple[str, tuple[str, str]]:
    """The collection that a request was about, and name and sha256 of the item that it gave."""
    address = urlsplit(request.path)
    [name] = parse_qs(address.query)["name"]
    return address.path.split("/")[3], (name, sha256(request.body).hexdigest())


def rows(service: Service, path: str) -> Iterator[Json]:
    """All rows of a list."""
    query: Mapping[str, str] = {"limit": "1000"}
    while True:
        page = service.ask("GET", path, params=query)
        yield from page["data"]
        if page["next_cursor"] is None:
            return
        query = {"limit": "1000", "cursor": page["next_cursor"]}
