"""The first shard of a fine-tune job: which contents of the dataset still lack an embedding."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.catalog import datasets, features, inputs, shards
from zoo.catalog.records import Example
from zoo.catalog.rows import chunks
from zoo.jobs.intake import add_inputs, queued_input
from zoo.jobs.ledger import Claim, fence, finish
from zoo.jobs.targets import check_targets
from zoo_workers.context import Context

INPUTS_A_WRITE = 2000
"""What one transaction gives; a new attempt goes on after the last of them."""


def run(context: Context, claim: Claim) -> None:
    """Give what is missing in the feature store to embed shards; nothing, if nothing is.

    Raises `NotFoundError` if the dataset was deleted.
    """
    missing = _missing(context, claim)
    portions = list(chunks(missing, INPUTS_A_WRITE)) or [[]]
    for portion in portions:
        _give(context, claim, portion, is_last=portion is portions[-1])
        context.watchdog.feed()


def _missing(context: Context, claim: Claim) -> list[Example]:
    """One example of each content that has no embedding and was not given, by their sha256."""
    work = claim.job.work
    after: str = claim.arguments.get("after", "")
    with context.catalog.read() as session:
        examples = datasets.list_examples(
            session, int(work["dataset_id"]), version=int(work["dataset_version"])
        )
        by_content = {one.sha256: one for one in examples if one.sha256 > after}
        known = features.locate(session, space_id=work["space_id"], sha256s=by_content)
    return [by_content[sha256] for sha256 in sorted(by_content.keys() - known.keys())]


def _give(context: Context, claim: Claim, portion: Sequence[Example], *, is_last: bool) -> None:
    with context.catalog.write() as session:
        fence(session, claim)
        check_targets(session, claim.job)
        first = inputs.next_position(session, claim.job.id)
        given = [queued_input(one, first + place) for place, one in enumerate(portion)]
        add_inputs(session, claim.job, given, settings=context.settings)
        if is_last:
            finish(session, claim)
        else:
            shards.set_arguments(session, claim.shard.id, {"after": portion[-1].sha256})
