"""The first shard of a fine-tune job: which contents of the dataset still lack an embedding."""

from __future__ import annotations

from zoo.catalog import datasets, features
from zoo.jobs.intake import add_inputs, queued_input
from zoo.jobs.ledger import Claim, fence, finish
from zoo.jobs.targets import check_targets
from zoo_workers.context import Context


def run(context: Context, claim: Claim) -> None:
    """Give what is missing in the feature store to embed shards; nothing, if nothing is.

    Raises `NotFoundError` if the dataset was deleted.
    """
    work = claim.job.work
    with context.catalog.write() as session:
        fence(session, claim)
        check_targets(session, claim.job)
        examples = datasets.list_examples(
            session, int(work["dataset_id"]), version=int(work["dataset_version"])
        )
        by_content = {one.sha256: one for one in examples}
        known = features.locate(session, space_id=work["space_id"], sha256s=by_content)
        missing = [by_content[sha256] for sha256 in sorted(by_content.keys() - known.keys())]
        given = [queued_input(one, position) for position, one in enumerate(missing)]
        add_inputs(session, claim.job, given, settings=context.settings)
        finish(session, claim)
