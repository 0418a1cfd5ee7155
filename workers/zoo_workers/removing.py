"""The end of a look at a source: what it did not meet any more goes out of what it fills."""

from __future__ import annotations

from zoo.catalog import Session, collections, datasets, inputs, jobs, shards, sources
from zoo.catalog.records import SourceRecord
from zoo.catalog.sources import Target
from zoo.jobs.intake import is_whole_look, target_of
from zoo.jobs.ledger import Claim, count_inputs, fence
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
        if not looks or not is_whole_look(looks):
            return
        doubt = _doubt(session, claim)
    if doubt:
        _warn(context, claim, doubt)
        return
    n_removed = int(claim.arguments.get("removed", 0))
    while (n_more := _remove_some(context, claim, n_removed)) is not None:
        n_removed += n_more


def _doubt(session: Session, claim: Claim) -> str | None:
    """Why what was not met may be there all the same; None if nothing says so."""
    n_unreadable = inputs.count_codes(session, claim.job.id, UNREADABLE)
    if n_unreadable:
        return (
            f"{n_unreadable} entries of the source could not be read, so nothing was taken for "
            "gone; see the failed inputs, and ingest it again once they are mended"
        )
    counts = count_inputs(session, claim.job.id)
    is_any_usable = counts["embedded"] or counts["reused"]
    if is_any_usable or not counts["failed"]:
        return None
    if not sources.gone_files(session, _source_of(claim), limit=1):
        return None
    return (
        f"none of the {counts['failed']} entries of the source could be used, so nothing was "
        "taken for gone; if its files lie on another disk, was that unmounted?"
    )


def _source_of(claim: Claim) -> SourceRecord:
    return SourceRecord(id=claim.job.work["source_id"], scan=claim.job.work["scan"])


def _remove_some(context: Context, claim: Claim, n_removed: int) -> int | None:
    """Remove a portion; returns how many items that was, None when nothing is left."""
    source = _source_of(claim)
    with context.catalog.write() as session:
        fence(session, claim)
        gone = sources.gone_files(session, source, limit=FILES_A_WRITE)
        target = target_of(claim.job.work)
        revision = _hold(session, target) if gone else None
        if revision is None:  # nothing is left, or the target was deleted
            return None
        n_items = sources.remove_files(session, source, target, gone, revision=revision)
        shards.set_arguments(session, claim.shard.id, {"removed": n_removed + n_items})
    return n_items


def _hold(session: Session, target: Target) -> int | None:
    """Hold the target against others; the revision that its items are deleted in, if any is."""
    if target.collection_id is not None:
        return collections.next_revision(session, target.collection_id)
    return 0 if datasets.lock_dataset(session, target.dataset_id or 0) else None


def _warn(context: Context, claim: Claim, warning: str) -> None:
    with context.catalog.write() as session:
        fence(session, claim)
        jobs.set_warnings(session, claim.job.id, [warning])
