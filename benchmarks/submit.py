"""How soon work is accepted: many small jobs from many clients, against a commit and a bare POST.

    python benchmarks/submit.py [--jobs 10000] [--clients 50] [--every 1]

A job is one tiny picture through a backbone that costs nothing. Afterwards every job that was
accepted has to have ended, truthfully, and every picture to be there once. The service's times are
those of a `zoo up` that works off the queue meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.contest import tables
from benchmarks.contest.service import Service, ServiceError, alone, knowing, serving
from benchmarks.contest.tiny import pictures
from benchmarks.submitting.clients import RefusedError, Request, Waits, send, send_all, waits_of
from benchmarks.submitting.floors import bare_server, commits
from benchmarks.submitting.truth import UntrueError, await_ends, check
from zoo.testing import tiny
from zoo.testing.distributions import write_distribution

IDLE = 100
"""Jobs of which each is sent when the one before has ended."""
PATIENCE_S = 4 * 3600.0
POLL_S = 0.02
LEAST_CPU_MS = 0.05
"""What of a part is told."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was measured, by the title of its row."""

    floors: Sequence[tuple[str, Waits]]
    service: Sequence[tuple[str, Waits]]
    api_cpu_ms: float  # a job, while they were sent as fast as they were accepted
    cpu_ms: Mapping[str, float]  # a job, by part of the service, until all were done
    drained_s: float  # from the first job's submission until the last one's end


def main() -> None:
    """Measure and print the tables."""
    asked = parse(sys.argv[1:])
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-submit-", dir=asked.scratch) as name:
        try:
            found = measure(Path(name), asked)
        except (RefusedError, ServiceError, UntrueError) as error:
            sys.exit(f"submit.py: {error}")
    print(report(found, asked))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="how soon work is accepted")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument(
        "--every", type=float, default=1.0, help="seconds between the jobs of a calm client"
    )
    parser.add_argument("--scratch", type=Path, help="where the home is made")
    return parser.parse_args(arguments)


def measure(root: Path, asked: argparse.Namespace) -> Found:
    """The floors, then the service: idle, with calm clients, and with all that it can take."""
    few = to_send(0, min(1000, asked.jobs), collections=asked.clients)
    floors = [("a durable commit, alone", commits(root / "commits.sqlite3", few))]
    with bare_server(root) as port:
        for clients in (1, asked.clients):
            _, waits = send_all(port, few, clients=clients)
            floors.append(("a bare POST", waits))
    with serving(root / "home", settings=settings_of(root)) as service:
        return press(service, floors, asked)


def press(
    service: Service, floors: Sequence[tuple[str, Waits]], asked: argparse.Namespace
) -> Found:
    """One service under all that is asked."""
    for number in range(asked.clients):
        service.ask("PUT", f"/v1/collections/c{number}", json={"model": tiny.MODEL})
    port = int(service.http.base_url.port or 0)
    first = 0
    waits: dict[str, Waits] = {}
    sent = []
    for title, n in (("warm", 2), ("idle", IDLE)):
        for request in to_send(first, n, collections=asked.clients):
            [answer] = send(port, [request])
            service.finished(answer.body, poll_s=POLL_S)
            sent.append(answer)
        first += n
        waits[title] = waits_of(sent[-n:], float("inf"), clients=1)
    calm = to_send(first, 10 * asked.clients, collections=asked.clients)
    answers, waits["calm"] = send_all(port, calm, clients=asked.clients, every_s=asked.every)
    await_ends(service, patience_s=PATIENCE_S)
    sent += answers
    hasty = to_send(first + len(calm), asked.jobs, collections=asked.clients)
    before, began = service.cpu_by_part(), time.monotonic()
    answers, waits["hasty"] = send_all(port, hasty, clients=asked.clients)
    taken = service.cpu_by_part()
    print(waits, file=sys.stderr, flush=True)
    await_ends(service, patience_s=PATIENCE_S)
    drained_s, done = time.monotonic() - began, service.cpu_by_part()
    check(service, sent + answers)
    return Found(
        floors=floors,
        service=[
            ("**FeatureZoo**, idle", waits["idle"]),
            (f"**FeatureZoo**, a job every {asked.every:g} s each", waits["calm"]),
            ("**FeatureZoo**, one after the other", waits["hasty"]),
        ],
        api_cpu_ms=1000 * (taken["api"] - before["api"]) / asked.jobs,
        cpu_ms={
            part: 1000 * (seconds - before.get(part, 0.0)) / asked.jobs
            for part, seconds in done.items()
        },
        drained_s=drained_s,
    )


def to_send(first: int, n: int, *, collections: int) -> list[Request]:
    """Requests that each give one picture to one of the collections, in turn."""
    return [
        Request(
            path=f"/v1/collections/c{number % collections}/items?name={number}.bmp",
            body=content,
            headers={"Content-Type": "image/bmp", "Idempotency-Key": f"submit-{number}"},
        )
        for number, content in pictures(first, n)
    ]


def settings_of(root: Path) -> dict[str, str]:
    """The tiny backbone alone."""
    plugins = write_distribution(
        root / "plugins", "zoo-tiny", version="1", plugins={tiny.NAME: "zoo.testing.tiny:plugin"}
    )
    return {**knowing(plugins), **alone(tiny.MODEL)}


def report(found: Found, asked: argparse.Namespace) -> str:
    """A row for each, and what it cost."""
    head = ("", "clients", "p50, ms", "p99, ms", "at most, ms", "a second")
    rows = [
        (
            title,
            str(one.clients),
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
            f"{one.most_ms:.1f}",
            f"{one.rate:.0f}" if one.rate else "",
        )
        for title, one in (*found.floors, *found.service)
    ]
    parts = sorted(found.cpu_ms.items(), key=lambda part: -part[1])
    shares = ", ".join(f"{part} {cpu_ms:.1f}" for part, cpu_ms in parts if cpu_ms >= LEAST_CPU_MS)
    return (
        f"{tables.table(head, rows)}\n\n"
        f"{asked.jobs} jobs were accepted and done in {found.drained_s:.0f} s, truthfully and "
        f"once; a job took {found.api_cpu_ms:.1f} CPU-ms of the api, "
        f"and {sum(found.cpu_ms.values()):.1f} in all until it was done: {shares}."
    )


if __name__ == "__main__":
    main()
