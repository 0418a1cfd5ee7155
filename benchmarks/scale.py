"""What an item costs, and how much memory the service takes, as a collection grows.

    python benchmarks/scale.py [FOLDER] [--sizes 1000,10000,100000] [--model NAME] [--scratch DIR]

Without a folder the items are tiny pictures, made here, and the backbone costs nothing, so that
all that is measured is the service itself; with one they are its photographs, through a real one.
Each size has a home and a service of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.contest import tables
from benchmarks.contest.peaks import Peaks
from benchmarks.contest.pictures import NoPicturesError, gather
from benchmarks.contest.service import Json, Service, ServiceError, alone, knowing, serving
from benchmarks.contest.tiny import write_tars
from benchmarks.scaling.measured import MORE, PAGE, SEARCHES, Measured, Waits
from benchmarks.scaling.report import report
from zoo.testing import tiny
from zoo.testing.distributions import write_distribution
from zoo_api.paging import encode_cursor

SIZES = "1000,10000,100000"
REAL_MODEL = "lite.efficientnet_lite0"
COLLECTION = "scale"
WARM_UP = 64
PAGES = 5
CATALOG = "catalog.sqlite3"
PATIENCE_S = 4 * 3600.0
POLL_S = 1.0

Result = TypeVar("Result")
Write = Callable[[Path, int, int], None]
"""Puts so many items, from a number on, into a folder that a source may name."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is taken in."""

    model: str
    write: Write


def main() -> None:
    """Measure each size in turn and print the tables."""
    asked = parse(sys.argv[1:])
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-scale-", dir=asked.scratch) as name:
        try:
            kind = kind_of(asked, Path(name))
            found = [measure(kind, n, Path(name, str(n))) for n in asked.sizes]
        except (NoPicturesError, ServiceError) as error:
            sys.exit(f"scale.py: {error}")
    print(f"{kind.model}\n\n{report(found)}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="what an item costs as a collection grows")
    parser.add_argument("folder", type=Path, nargs="?", help="photographs; none: tiny pictures")
    parser.add_argument("--sizes", type=numbers, default=numbers(SIZES))
    parser.add_argument("--model", default=REAL_MODEL, help="for photographs")
    parser.add_argument("--scratch", type=Path, help="where homes and pictures are made")
    return parser.parse_args(arguments)


def numbers(text: str) -> tuple[int, ...]:
    """Sizes with commas between them."""
    found = tuple(int(one) for one in text.split(","))
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} has a size below 1")
    return found


def kind_of(asked: argparse.Namespace, root: Path) -> Kind:
    """Tiny pictures with a backbone that costs nothing, or photographs with a real one."""
    if asked.folder is None:
        return Kind(model=tiny.MODEL, write=write_tars)
    total = WARM_UP + max(asked.sizes) + MORE
    [photographs] = gather(asked.folder, sizes=(total,), into=root / "photographs")

    def link(into: Path, first: int, n: int) -> None:
        into.mkdir(parents=True)
        for path in photographs.paths[first : first + n]:
            os.link(path, into / path.name)

    return Kind(model=asked.model, write=link)


def measure(kind: Kind, n: int, root: Path) -> Measured:
    """Take `n` items in on a fresh home, look at it from all sides, and again after a restart."""
    kind.write(root / "warm-up", 0, WARM_UP)
    kind.write(root / "items", WARM_UP, n)
    kind.write(root / "more", WARM_UP + n, MORE)
    home, settings = root / "home", settings_of(root, kind.model)
    with serving(home, settings=settings) as service, Peaks(service.root) as peaks:
        ingest(service, kind, root / "warm-up", into="warm-up")
        before = service.cpu_by_part()
        ingest_s, job = timed(lambda: ingest(service, kind, root / "items", into=COLLECTION))
        after = service.cpu_by_part()
        waits = waits_of(service, n, job)
        more_s, _ = timed(lambda: ingest(service, kind, root / "more", into=COLLECTION))
        dim = int(service.ask("GET", f"/v1/collections/{COLLECTION}")["dim"])
        search_after_more_s, _ = timed(lambda: search(service, 0, dim=dim))
        log_bytes = (home / f"{CATALOG}-wal").stat().st_size  # it never gets shorter
    home_bytes, catalog_bytes = disk_bytes(home), (home / CATALOG).stat().st_size
    restarted = time.monotonic()
    with serving(home, settings=settings) as service:
        ready_s = time.monotonic() - restarted
        search(service, 0, dim=dim)
        search_after_restart_s = time.monotonic() - restarted
    shutil.rmtree(root)
    found = Measured(
        n=n,
        ingest=ingest_s,
        phases=phases(job),
        cpu={part: spent - before.get(part, 0.0) for part, spent in after.items()},
        resident=peaks.resident,
        proportional=peaks.proportional,
        home_bytes=home_bytes,
        catalog_bytes=catalog_bytes,
        log_bytes=log_bytes,
        waits=waits,
        more=more_s,
        search_after_more=search_after_more_s,
        ready=ready_s,
        search_after_restart=search_after_restart_s,
    )
    print(found, file=sys.stderr, flush=True)
    return found


def settings_of(root: Path, model: str) -> dict[str, str]:
    """The tiny backbone installed for this service, and the folders allowed as sources."""
    plugins = write_distribution(
        root / "plugins", "zoo-tiny", version="1", plugins={tiny.NAME: "zoo.testing.tiny:plugin"}
    )
    return {"ZOO_ALLOWED_ROOTS": str(root), **knowing(plugins), **alone(model)}


def timed(act: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that something takes, and what it gives."""
    began = time.monotonic()
    result = act()
    return time.monotonic() - began, result


def ingest(service: Service, kind: Kind, folder: Path, *, into: str) -> Json:
    """Have the service read a folder into a collection, and wait for the end."""
    service.ask("PUT", f"/v1/collections/{into}", json={"model": kind.model})
    body = {"source": {"path": str(folder), "copy": True}}
    job = service.ask("POST", f"/v1/collections/{into}/items", json=body)
    done = service.finished(job, patience_s=PATIENCE_S, poll_s=POLL_S)
    if done["result"]["failed"]:
        raise ServiceError(f"not every item could be used: {done['result']}")
    return done


def phases(job: Json) -> dict[str, float]:
    """Seconds of each phase of a job."""
    moments = [datetime.fromisoformat(step["started_at"]) for step in job["steps"]]
    ends = [*moments, datetime.fromisoformat(job["finished_at"])][1:]
    return {
        step["phase"]: (end - moment).total_seconds()
        for step, moment, end in zip(job["steps"], moments, ends, strict=True)
    }


def waits_of(service: Service, n: int, job: Json) -> Waits:
    """Ask for what users ask for."""
    dim = int(service.ask("GET", f"/v1/collections/{COLLECTION}")["dim"])
    first_search_s, _ = timed(lambda: search(service, 0, dim=dim))
    return Waits(
        first_search=first_search_s,
        search=middle(lambda number: search(service, number, dim=dim), times=SEARCHES),
        pages=[
            middle(lambda _: page(service, place), times=PAGES)  # noqa: B023  # done at once
            for place in (0, n // 2, max(0, n - PAGE))
        ],
        job=middle(lambda _: service.ask("GET", f"/v1/jobs/{job['id']}"), times=PAGES),
        collection=middle(
            lambda _: service.ask("GET", f"/v1/collections/{COLLECTION}"), times=PAGES
        ),
    )


def middle(act: Callable[[int], object], *, times: int) -> float:
    """The median of how many seconds something takes; it is told how often it was done."""
    return median(timed(lambda: act(number))[0] for number in range(1, times + 1))  # noqa: B023


def search(service: Service, number: int, *, dim: int) -> None:
    """Search for one of any number of vectors."""
    vector = np.random.default_rng(number).standard_normal(dim).tolist()
    found = service.ask("POST", f"/v1/collections/{COLLECTION}/search", json={"vector": vector})
    if not found["hits"]:
        raise ServiceError("a search found nothing")


def page(service: Service, after: int) -> None:
    """A page of the items after so many."""
    query = {"limit": PAGE, "cursor": encode_cursor(after)}
    service.ask("GET", f"/v1/collections/{COLLECTION}/items", params=query)


def disk_bytes(folder: Path) -> int:
    """What the files below a folder take."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
