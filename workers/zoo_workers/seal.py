"""The last shard of an ingest into a dataset: an immutable version with its digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from zoo.catalog import Session, datasets
from zoo.catalog.records import Example
from zoo.jobs.ledger import Claim, count_inputs, fail, fail_empty, fence, succeed
from zoo_workers.context import Context
from zoo_workers.removing import remove_gone


def run(context: Context, claim: Claim) -> None:
    """Seal everything that the dataset holds now as its next version, and end the job."""
    remove_gone(context, claim)
    with context.catalog.write() as session:
        fence(session, claim)
        counts = count_inputs(session, claim.job.id)
        if not datasets.lock_dataset(session, int(claim.job.work["dataset_id"])):
            code = "dataset_deleted"
            detail = (
                f"dataset {claim.job.spec['dataset']!r} was deleted while files were being added"
            )
            fail(session, claim, code=code, detail=detail, result=counts)
        elif not counts["reused"]:
            fail_empty(session, claim, counts)
        else:
            version = _seal(session, claim)
            succeed(session, claim, {**counts, "dataset_version": version})


def _seal(session: Session, claim: Claim) -> int:
    dataset_id = int(claim.job.work["dataset_id"])
    examples = datasets.list_examples(session, dataset_id, version=None)
    return datasets.seal_version(
        session,
        dataset_id,
        job_id=claim.job.id,
        digest=digest(examples),
        labels=dict(sorted(Counter(one.label for one in examples).items())),
    )


def digest(examples: Iterable[Example]) -> str:
    """sha256 over content, label and split of every example, in the order of the contents."""
    sha256 = hashlib.sha256()
    for line in sorted(json.dumps([one.sha256, one.split, one.label]) for one in examples):
        sha256.update(f"{line}\n".encode())
    return sha256.hexdigest()
