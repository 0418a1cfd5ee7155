"""The end of a look at a source: what it did not meet any more goes out of what it fills."""

from __future__ import annotations

from zoo.catalog import Session, collections, datasets, inputs, jobs, shards, sources
from zoo.catalog.records import SourceRecord
from zoo.catalog.sources import Target
from zoo.jobs.intake import is_whole_look, target_of
from zoo.jobs.ledger import Claim, fence
from zoo_workers.context import Context

FILES_A_WRITE = 2000
UNREADABLE = frozenset(
    {
        "archive_too_large",
        "damaged_archive",
        "file_changed",
        "file_unreadable",
        "invalid_manifest",
        "invalid_manifest_row",
    }
)
"""What leaves open which files a source has: nothing is taken for gone then."""


def remove_gone(context: Context, claim: Claim) -> None:
    """Take out the items whose files the job's look did not meet; none, if it saw not all."""
    with context.catalog.read() as session:
        looks = shards.arguments_of(session, claim.job.id, "scan")
        n_unreadable = inputs.count_codes(session, claim.job.id, UNREADABLE)
    if not looks or not is_whole_look(looks):
        return
    if n_unreadable:
        _warn(context, claim, n_unreadable)
        return
    n_removed = int(claim.arguments.get("removed", 0))
    while (n_more := _remove_some(context, claim, n_removed)) is not None:
        n_removed += n_more


def _remove_some(context: Context, claim: Claim, n_removed: int) -> int | None:
    """Remove a portion; returns how many items that was, None when nothing is left."""
    work = claim.job.work
    source = SourceRecord(id=work["source_id"], scan=work["scan"])
    with context.catalog.write() as session:
        fence(session, claim)
        gone = sources.gone_files(session, source, limit=FILES_A_WRITE)
        target = target_of(work)
        revision = _hold(session, target) if gone else None
        if revision is None:  # nothing is left, or the target was deleted
            return None
        n_items = sources.remove_files(session, target, gone, revision=revision)
        shards.set_arguments(session, claim.shard.id, {"removed": n_removed + n_items})
    return n_items


def _hold(session: Session, target: Target) -> int | None:
    """Hold the target against others; the revision that its items are deleted in, if any is."""
    if target.collection_id is not None:
        return collections.next_revision(session, target.collection_id)
    return 0 if datasets.lock_dataset(session, target.dataset_id or 0) else None


def _warn(context: Context, claim: Claim, n_unreadable: int) -> None:
    warning = (
        f"{n_unreadable} entries of the source could not be read, so nothing was taken for gone; "
        "see the failed inputs, and ingest it again once they are mended"
    )
    with context.catalog.write() as session:
        fence(session, claim)
        jobs.set_warnings(session, claim.job.id, [warning])
