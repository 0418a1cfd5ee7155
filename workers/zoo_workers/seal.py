"""The last shard of an ingest into a dataset: an immutable version with its digest."""

from __future__ import annotations

from zoo.catalog import Session, datasets, shards
from zoo.catalog.records import Json
from zoo.jobs.ledger import Claim, count_inputs, fail, fail_empty, fence, has_gone_well, succeed
from zoo.jobs.sealing import look_at, seal
from zoo_workers.context import Context
from zoo_workers.removing import remove_gone


def run(context: Context, claim: Claim) -> None:
    """Seal all that the dataset holds now, if it does any, as its next version; end the job."""
    remove_gone(context, claim)
    dataset_id = int(claim.job.work["dataset_id"])
    with context.catalog.read() as session:
        seen = look_at(session, dataset_id)
    with context.catalog.write() as session:
        fence(session, claim)
        counts = _counts(session, claim)
        if not datasets.lock_dataset(session, dataset_id):
            code = "dataset_deleted"
            detail = (
                f"dataset {claim.job.spec['dataset']!r} was deleted while files were being added"
            )
            fail(session, claim, code=code, detail=detail, result=counts)
        elif not has_gone_well(claim.job, counts):
            _fail_empty(session, claim, counts)
        elif not seen.labels:  # the look has removed all that there was
            succeed(session, claim, counts)
        else:
            version = seal(session, dataset_id, seen, job_id=claim.job.id)
            succeed(session, claim, {**counts, "dataset_version": version})


def _counts(session: Session, claim: Claim) -> dict[str, int]:
    """What became of the inputs, and of a collection how many of its items had no label."""
    counts = count_inputs(session, claim.job.id)
    gathered = shards.arguments_of(session, claim.job.id, "gather")
    if gathered:
        counts["unlabelled"] = sum(one["unlabelled"] for one in gathered)
    return counts


def _fail_empty(session: Session, claim: Claim, counts: Json) -> None:
    if not counts.get("unlabelled") or counts["failed"]:
        fail_empty(session, claim, counts)
        return
    detail = (
        f"none of the {counts['unlabelled']} items of the collection has a label; PATCH some, or "
        "name as source.label the metadata field that is one"
    )
    fail(session, claim, code="no_item_succeeded", detail=detail, result=counts)
