"""The last shard of an extract job: which files there are, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.catalog import Session, jobs, shards
from zoo.catalog.records import JobRecord, Json
from zoo.jobs.ledger import Claim, count_inputs, fail_empty, fence, succeed
from zoo.taps import shapes_of, tap_from_json
from zoo_workers.context import Context


def run(context: Context, claim: Claim) -> None:
    """End the job with its files, those of the jobs that it repeats among them."""
    with context.catalog.write() as session:
        fence(session, claim)
        counts = count_inputs(session, claim.job.id)
        files = list(_files(session, claim.job))
        if not files:
            fail_empty(session, claim, counts)
            return
        numbered = [{"number": number, **file} for number, file in enumerate(files)]
        shapes = shapes_of(tap_from_json(tap) for tap in claim.job.work["taps"])
        result = {
            "files": numbered,
            "layers": shapes,
            "items": sum(file["items"] for file in files),
            "failed": counts["failed"],
        }
        succeed(session, claim, result)


def _files(session: Session, job: JobRecord) -> Iterator[Json]:
    """What the job's shards wrote, after what a job wrote whose rest this one does."""
    parent = jobs.get_job(session, job.parent_job_id) if job.parent_job_id else None
    if parent is not None:
        yield from _files(session, parent)
    for arguments in shards.arguments_of(session, job.id, "extract"):
        if "file" in arguments:
            yield arguments["file"]
