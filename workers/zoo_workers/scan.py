"""Looking through a source: what is new or changed in it becomes inputs, portion by portion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from zoo.catalog import Session, jobs, shards, sources
from zoo.errors import InvalidError
from zoo.faults import Point, reach
from zoo.images.archives import Member
from zoo.images.sources.entries import Entry, FoundFile
from zoo.jobs.ledger import Claim, fence, finish
from zoo.storage.packs import open_packs
from zoo_workers.arriving import (
    Portion,
    SourceWork,
    deliver,
    portion,
    source_of,
)
from zoo_workers.context import Context
from zoo_workers.looking import Look, Seen, known_of


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a look has come: the arguments of its shard."""

    after: str = ""  # the position of the last entry taken
    found: int = 0  # entries
    unchanged: int = 0  # files that are in already, as they are
    is_complete: bool = False


def run(context: Context, claim: Claim) -> None:
    """Take over what a source has and its target has not; other shards embed meanwhile.

    Raises `InvalidError` for a source that cannot be read, and with code `source_empty` for one
    that holds no file.
    """
    work = source_of(context, claim)
    progress = Progress(**claim.arguments)
    entries = work.opened.entries(after=progress.after)
    while taken := list(_portion(context, entries, is_first=not progress.found)):
        progress = _take(context, claim, work, taken, progress)
        if _is_cancelled(context, claim):
            break
    else:
        progress = replace(progress, is_complete=True)
    if not progress.found:
        raise _empty(work)
    with context.catalog.write() as session:
        fence(session, claim)
        shards.set_arguments(session, claim.shard.id, asdict(progress))
        finish(session, claim)


def _portion(context: Context, entries: Iterator[Entry], *, is_first: bool) -> Iterator[Entry]:
    for entry in portion(entries, _size, is_first=is_first):
        context.watchdog.feed()
        yield entry


def _size(entry: Entry) -> int:
    if isinstance(entry.file, Member):
        return len(entry.file.content)
    return entry.file.size_bytes if isinstance(entry.file, FoundFile) else 0


def _take(
    context: Context, claim: Claim, work: SourceWork, entries: list[Entry], progress: Progress
) -> Progress:
    """Take a portion over; returns how far that is."""
    settings = context.settings
    known, whole = known_of(context.catalog, work, entries)
    with open_packs(context.catalog, context.blobs, settings) as writer:
        look = Look(claim, work, writer, max_bytes=settings.max_image_bytes)
        look.take(entries, known, whole)
        written = writer.commit()
    references = {one.pack_key: one.size_bytes for one in look.seen.references}
    further = replace(progress, after=entries[-1].position, found=progress.found + len(entries))
    with context.catalog.write() as session:
        fence(session, claim)
        n_unchanged = _pass_over(session, claim, work, look.seen)
        further = replace(further, unchanged=progress.unchanged + n_unchanged)
        delivered = Portion(
            taken=look.seen.taken,
            packs={**written.packs, **references},
            contents=[*written.contents, *look.seen.references],
            arguments=asdict(further),
        )
        deliver(session, claim, delivered, settings=settings)
    reach(settings, Point.SCAN_DELIVERED)
    return further


def _pass_over(session: Session, claim: Claim, work: SourceWork, seen: Seen) -> int:
    """Note what is unchanged, and leave archives to shards of their own; returns how many."""
    for file in seen.archives:
        arguments = {"file": asdict(file), "name": file.path, "skip": 0}
        shards.add_shard(session, claim.job.id, "expand", arguments=arguments)
    sources.mark_seen(session, work.record, seen.unchanged)
    in_archives = [
        sources.mark_archive_seen(session, work.record, name) for name in seen.unchanged_archives
    ]
    return len(seen.unchanged) + sum(in_archives) + sum(one.is_in for one in seen.taken)


def _is_cancelled(context: Context, claim: Claim) -> bool:
    with context.catalog.read() as session:
        job = jobs.get_job(session, claim.job.id)
    return job is None or job.state == "cancelling"


def _empty(work: SourceWork) -> InvalidError:
    return InvalidError(
        f"there is no file at {work.spec.location}; if something was there before, was it "
        "unmounted? Nothing was removed",
        code="source_empty",
    )
