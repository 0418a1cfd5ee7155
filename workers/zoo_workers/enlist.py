"""The first shard of an extract job: every item of a collection or dataset, given to shards."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.catalog import Session, datasets, inputs, items, shards
from zoo.catalog.records import Example, InputRecord
from zoo.jobs.intake import add_inputs, queued_input
from zoo.jobs.ledger import Claim, fence, finish
from zoo.jobs.targets import check_targets
from zoo_workers.context import Context

ITEMS_A_WRITE = 5000
"""What one transaction takes over; a new attempt goes on after the last of them."""


def run(context: Context, claim: Claim) -> None:
    """Give all items to extract shards, a page at a time.

    Raises `NotFoundError` if what holds them was deleted.
    """
    after = int(claim.arguments["after"])
    examples = _examples(context, claim)
    while True:
        with context.catalog.write() as session:
            fence(session, claim)
            check_targets(session, claim.job)
            first = inputs.next_position(session, claim.job.id)
            if examples is None:
                given, after = _items(session, claim, after=after, first=first)
            else:
                given, after = _page_of(examples, after=after, first=first)
            if not given:
                finish(session, claim)
                return
            add_inputs(session, claim.job, given, settings=context.settings)
            shards.set_arguments(session, claim.shard.id, {"after": after})


def _examples(context: Context, claim: Claim) -> list[Example] | None:
    """What a dataset's version holds; None where the job is about a collection."""
    work = claim.job.work
    if "dataset_id" not in work:
        return None
    with context.catalog.read() as session:
        return datasets.list_examples(
            session, int(work["dataset_id"]), version=int(work["dataset_version"])
        )


def _page_of(
    examples: Sequence[Example], *, after: int, first: int
) -> tuple[list[InputRecord], int]:
    """The next inputs, and after how many examples the page that follows begins."""
    page = examples[after : after + ITEMS_A_WRITE]
    return [queued_input(one, first + place) for place, one in enumerate(page)], after + len(page)


def _items(
    session: Session, claim: Claim, *, after: int, first: int
) -> tuple[list[InputRecord], int]:
    """The next inputs, and after which item the page that follows begins."""
    collection_id = int(claim.job.work["collection_id"])
    page = items.list_items(session, collection_id, after=after, limit=ITEMS_A_WRITE)
    made = [queued_input(one, first + place) for place, one in enumerate(page)]
    return made, page[-1].pk if page else after
