"""The end of an ingest into a collection: the index's snapshot, and the job's result.

A shard of its own, but for ingests with which no snapshot is due: there may be thousands of one
picture each.
"""

from __future__ import annotations

from zoo.catalog import Session, collections, items
from zoo.catalog.records import CollectionRecord
from zoo.faults import Point, reach
from zoo.jobs.ledger import Claim, count_inputs, fail, fail_empty, fence, has_gone_well, succeed
from zoo.search.collection import FEWEST_CHANGES, Searches
from zoo_workers.context import Context
from zoo_workers.removing import remove_gone


def run(context: Context, claim: Claim) -> None:
    """Write a snapshot if enough has changed, and end the job with its counts."""
    name = str(claim.job.spec["collection"])
    with context.catalog.read() as session:
        collection = collections.get_collection(session, name)
    if collection is None or collection.id != claim.job.work["collection_id"]:
        return _end_deleted(context, claim, name)
    remove_gone(context, claim)
    _write_snapshot(context, collection)
    with context.catalog.write() as session:
        fence(session, claim)
        counts = count_inputs(session, claim.job.id)
        if has_gone_well(claim.job, counts):
            return succeed(session, claim, counts)
        return fail_empty(session, claim, counts)


def is_needed(context: Context, claim: Claim, *, n_more: int) -> bool:
    """Whether a job takes this shard at its end, when it is about to add `n_more` items.

    Without it nothing is left to do, then, but to end the job.
    """
    work = claim.job.work
    if "collection_id" not in work or "source_id" in work:  # whose files may have gone
        return True
    with context.catalog.read() as session:
        collection = collections.get_collection(session, str(claim.job.spec["collection"]))
        if collection is None or collection.id != work["collection_id"]:
            return True
        return _is_due(session, collection, n_more=n_more)


def _is_due(session: Session, collection: CollectionRecord, *, n_more: int = 0) -> bool:
    """Whether enough has changed since the last snapshot, or has with `n_more` items."""
    since = -1 if collection.index_revision is None else collection.index_revision
    return items.has_changes(
        session, collection.id, revision=since, more_than=FEWEST_CHANGES - n_more
    )


def _write_snapshot(context: Context, collection: CollectionRecord) -> None:
    searches = Searches(context.catalog, context.blobs)
    with context.catalog.read() as session:
        is_due = _is_due(session, collection)
    if not is_due:
        return
    with context.watchdog.resting():
        written = searches.write_snapshot(collection, spool=context.settings.home / "tmp")
    reach(context.settings, Point.INDEX_STORED)
    with context.catalog.write() as session:
        collections.set_snapshot(
            session,
            collection.generation_id,
            key=written.key,
            sha256=written.sha256,
            revision=written.revision,
            rows=written.rows,
        )
    reach(context.settings, Point.INDEX_RECORDED)


def _end_deleted(context: Context, claim: Claim, name: str) -> None:
    with context.catalog.write() as session:
        fence(session, claim)
        fail(
            session,
            claim,
            code="collection_deleted",
            detail=f"collection {name!r} was deleted while files were being added to it",
            result=count_inputs(session, claim.job.id),
        )
