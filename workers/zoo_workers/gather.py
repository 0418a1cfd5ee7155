"""Gathering a dataset from a collection: its labelled items become examples under the same ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.backbone import IMAGE, TEXT
from zoo.catalog import Session, collections, datasets, items, shards
from zoo.catalog.records import ItemRecord, Json
from zoo.images.attributes import LONGEST_TEXT
from zoo.jobs.intake import Arrival, Delivery, add_delivery
from zoo.jobs.ledger import Claim, count_inputs, fail, fence, finish
from zoo.jobs.specs import SourceSpec, read_ingest
from zoo.training.splits import read_split
from zoo_workers.context import Context

ITEMS_A_WRITE = 2000
"""What one transaction takes over; a new attempt goes on after the last of them."""


def run(context: Context, claim: Claim) -> None:
    """Give all labelled items to check shards, a page at a time; the others are counted."""
    source = read_ingest(claim.job.spec).source or SourceSpec()
    progress: Json = claim.arguments
    while (further := _take(context, claim, source, progress)) is not None:
        progress = further
        context.watchdog.feed()


def _take(context: Context, claim: Claim, source: SourceSpec, progress: Json) -> Json | None:
    """Take a page over; returns where to go on, None once there is no more."""
    collection_id = int(claim.job.work["from_collection_id"])
    with context.catalog.write() as session:
        fence(session, claim)
        if not _is_there(session, source, collection_id):
            _end_deleted(session, claim, str(source.collection))
            return None
        page = items.list_items(
            session, collection_id, after=int(progress["after"]), limit=ITEMS_A_WRITE
        )
        if not page:
            finish(session, claim)
            return None
        labelled = [(one, label) for one in page if (label := _label(one, source)) is not None]
        if labelled:
            kind = TEXT if labelled[0][0].width is None else IMAGE
            datasets.settle_kind(session, int(claim.job.work["dataset_id"]), kind)
        found = [_arrive(one, label, source) for one, label in labelled]
        delivery = Delivery(arrivals=found)
        add_delivery(session, claim.job, delivery, settings=context.settings)
        n_left = len(page) - len(found)
        further = {"after": page[-1].pk, "unlabelled": int(progress["unlabelled"]) + n_left}
        shards.set_arguments(session, claim.shard.id, further)
    return further


def _is_there(session: Session, source: SourceSpec, collection_id: int) -> bool:
    """Whether the name still means that collection, and the id: either may be given again."""
    found = collections.get_collection(session, str(source.collection))
    return found is not None and found.id == collection_id


def _end_deleted(session: Session, claim: Claim, name: str) -> None:
    fail(
        session,
        claim,
        code="collection_deleted",
        detail=f"collection {name!r} was deleted while its items were being taken over",
        result=count_inputs(session, claim.job.id),
    )


def _arrive(item: ItemRecord, label: str, source: SourceSpec) -> Arrival:
    """A labelled item as an example."""
    said = item.metadata.get("split")  # where it stands if the item came by a manifest
    split = read_split(said) if isinstance(said, str) else None
    return Arrival(
        name=item.name,
        sha256=item.sha256,
        item_id=item.item_id,
        label=label,
        split=split,
        metadata=_without(item.metadata, source.label, "split" if split else None),
    )


def _label(item: ItemRecord, source: SourceSpec) -> str | None:
    if source.label is None:
        return item.label
    value = item.metadata.get(source.label)
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, str | int | float) else ""
    return text[:LONGEST_TEXT] or None


def _without(metadata: Mapping[str, Any], *names: str | None) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name not in names}
