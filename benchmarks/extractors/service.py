"""The whole service: a zip over HTTP in, a search that answers out.

On a fresh home. The first ingest, of other pictures, finds nothing: it builds and exports the
model, and is reported as `cold_s`. One more lets every worker load what was exported. Then the
pictures themselves are sent, and once more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.contest.service import Json, Service, ServiceError, alone, serving
from benchmarks.contest.task import FloatArray, Stopwatch, Task, hand_in, read_task
from zoo.catalog.database import open_catalog
from zoo.features.store import read_vectors
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs
from zoo.storage.segments import SegmentReader

ZIP = {"Content-Type": "application/zip"}
WARM_UP, MAIN = "warm-up", "pictures"


Give = Callable[[Service, str], Json]
"""Gives pictures to the collection at an address; returns the job that was accepted."""


def main() -> None:
    """Embed the task's pictures, sent as a zip."""
    task = read_task()
    embed(task, sending(task.archive))


def embed(task: Task, give: Give, *, settings: Mapping[str, str] | None = None) -> None:
    """Embed the task's pictures, given to a service of these settings."""
    home = Path(task.scratch, "home")
    with serving(home, settings={**alone(task.model), **(settings or {})}) as service:
        cold_s, *_ = [timed_ingest(service, task, archive) for archive in task.warm_up]
        before = service.cpu_by_part()
        with Stopwatch(service.root) as watch:
            job = check_new(ingest(service, task, MAIN, give), task)
        after = service.cpu_by_part()
        with Stopwatch(service.root) as again:
            repeated = ingest(service, task, MAIN, give)
        space_id = str(service.ask("GET", f"/v1/collections/{MAIN}")["space_id"])
    hand_in(
        task,
        stored_vectors(task, home, space_id=space_id),
        watch,
        packages=("featurezoo",),
        cold_s=cold_s,
        again_s=again.wall_s,
        again_cpu_s=again.cpu_s,
        result=job["result"],
        extraction=job["extraction"],
        again_result=repeated["result"],
        cpu_by_part={part: spent - before.get(part, 0.0) for part, spent in after.items()},
        phases=phases(job),
        again_phases=phases(repeated),
    )


def check_new(job: Json, task: Task) -> Json:
    """The job, if it has embedded every picture; `ServiceError` where it knew some."""
    if job["result"]["embedded"] != len(task.names):
        raise ServiceError(f"of {len(task.names)} new pictures it made {job['result']}")
    return job


def timed_ingest(service: Service, task: Task, archive: str) -> float:
    """Seconds of an ingest to warm up with."""
    began = time.monotonic()
    ingest(service, task, WARM_UP, sending(archive))
    return time.monotonic() - began


def sending(archive: str) -> Give:
    """Sends an archive."""

    def give(service: Service, path: str) -> Json:
        with Path(archive).open("rb") as content:
            return service.ask("POST", f"{path}/items", content=content, headers=ZIP)

    return give


def ingest(service: Service, task: Task, collection: str, give: Give) -> Json:
    """Give pictures, wait for their job, and search for one of the pictures by its file."""
    began = time.time()
    service.ask("PUT", f"/v1/collections/{collection}", json={"model": task.model})
    path = f"/v1/collections/{collection}"
    job = give(service, path)
    answered = time.time()
    job = service.finished(job)
    picture = task.paths[0].read_bytes()
    service.ask("POST", f"{path}/search", files={"image": ("query", picture)}, data={"k": "1"})
    return {**job, "began": began, "answered": answered, "searched": time.time()}


def phases(job: Mapping[str, Any]) -> dict[str, float]:
    """Seconds from sending to answering a search, one after the other."""
    moments = [
        ("sent", job["began"]),
        ("queued", job["answered"]),
        *((step["phase"], seconds(step["started_at"])) for step in job["steps"]),
        ("noticed and searched", seconds(job["finished_at"])),
        ("", job["searched"]),
    ]
    return {name: later - sooner for (name, sooner), (_, later) in pairwise(moments)}


def seconds(instant: str) -> float:
    """A moment of the service's as seconds since 1970."""
    return datetime.fromisoformat(instant).timestamp()


def stored_vectors(task: Task, home: Path, *, space_id: str) -> FloatArray:
    """The embeddings of record, as they lie in the home of the service that has ended."""
    settings = Settings(home=home)
    sha256s = [hashlib.sha256(path.read_bytes()).hexdigest() for path in task.paths]
    catalog = open_catalog(settings.resolved_database_url)
    reader = SegmentReader(open_blobs(settings))
    return read_vectors(catalog, reader, space_id=space_id, sha256s=sha256s)


if __name__ == "__main__":
    main()
