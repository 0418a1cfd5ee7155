"""Files on their way into a job: what each arrives as, and one transaction for many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar

from zoo.backbone import TEXT
from zoo.catalog import Session, datasets, shards, sources
from zoo.catalog.records import (
    ContentRecord,
    KnownFileRecord,
    SourceFileRecord,
    SourceRecord,
)
from zoo.catalog.sources import Target
from zoo.images.archives import FailedMember, Member
from zoo.images.attributes import Attributes
from zoo.images.sources.entries import is_anything_said, is_said_alike
from zoo.images.sources.opening import OpenedSource, open_path, open_url
from zoo.jobs.intake import Arrival, Delivery, add_delivery, target_of
from zoo.jobs.ledger import Claim, fence
from zoo.jobs.specs import SourceSpec, read_ingest
from zoo.jobs.targets import check_targets
from zoo.names import new_id
from zoo.settings import Settings
from zoo.training.splits import NAMES, read_split
from zoo_workers.context import Context

Found = TypeVar("Found")
FILES_A_WRITE = 1000
BYTES_A_WRITE = 256_000_000
"""What one transaction takes over at most; a new attempt goes on after the last file of it."""
FIRST_FILES = 64
"""How many the first one takes, so that other processes have work soon."""

NO_LABEL = "the file is not in a folder; in a dataset's archive the top folder is the label"


@dataclass(frozen=True, kw_only=True)
class SourceWork:
    """The source that a job reads, as its shards know it."""

    spec: SourceSpec
    record: SourceRecord
    target: Target
    opened: OpenedSource


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One file: what it arrives as, and what its source keeps of it if it has one."""

    arrival: Arrival
    noted: SourceFileRecord | None = None
    is_text: bool = False
    is_in: bool = False  # as it is, so that what people changed of its item stays
    spoilt: str = ""  # the name of one that is there and of no use: its item stays as it was


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Files that go into a job in one transaction; their packs are durable already."""

    taken: Sequence[Taken]
    packs: Mapping[str, int]  # key -> size in bytes
    contents: Sequence[ContentRecord]  # that stand in them
    arguments: Mapping[str, Any] = field(default_factory=dict)  # where their shard goes on


def portion(
    found: Iterator[Found], size_of: Callable[[Found], int], *, is_first: bool
) -> Iterator[Found]:
    """As much of what was found as one transaction takes over, one in memory at a time."""
    room = BYTES_A_WRITE
    for one in islice(found, min(FIRST_FILES, FILES_A_WRITE) if is_first else FILES_A_WRITE):
        yield one
        room -= size_of(one)
        if room <= 0:
            return


def source_of(context: Context, claim: Claim) -> SourceWork:
    """The source of a job; `InvalidError` if it cannot be read, or not any more."""
    spec = read_ingest(claim.job.spec).source or SourceSpec()
    record = SourceRecord(id=claim.job.work["source_id"], scan=claim.job.work["scan"])
    if spec.path:
        opened = open_path(spec.path, context.settings)
    else:
        opened = open_url(spec.url or "", context.settings, feed=context.watchdog.feed)
    return SourceWork(spec=spec, record=record, target=target_of(claim.job.work), opened=opened)


def arrive_member(claim: Claim, member: Member, sha256: str | None) -> Arrival:
    """What a member of an archive arrives as; a text in a manifest lies in no folder."""
    if member.is_text and claim.job.spec["dataset"] and member.attributes.label is None:
        return refused(member.name, "no_label", "the row has a text and no label")
    return arrive(claim, member.name, sha256, member.attributes)


def arrive(claim: Claim, name: str, sha256: str | None, attributes: Attributes) -> Arrival:
    """What a file arrives as, whose bytes have this sha256; None if there were none."""
    if sha256 is None:
        return refused(name, "empty_file", "the file is empty")
    if claim.job.spec["dataset"] is None:
        split = {} if attributes.split is None else {"split": attributes.split}
        attributes = replace(attributes, metadata={**split, **attributes.metadata}, split=None)
    else:
        attributes = replace(attributes, label=attributes.label or _top_folder(name))
        if attributes.label is None:
            return refused(name, "no_label", NO_LABEL)
        side = None if attributes.split is None else read_split(attributes.split)
        if side is None and attributes.split is not None:
            detail = f"the split {attributes.split!r} is none of {', '.join(NAMES)}"
            return refused(name, "invalid_manifest_row", detail)
        attributes = replace(attributes, split=side)
    return Arrival(
        name=attributes.name or name,
        sha256=sha256,
        item_id=attributes.item_id,
        label=attributes.label,
        split=attributes.split,
        metadata=attributes.metadata,
    )


def is_in(noted: SourceFileRecord, known: KnownFileRecord | None) -> bool:
    """Whether a file that was read is in as it is: its bytes, and what is said of it.

    So is one that was spoilt and is mended, but for those of which something is said: that may
    have changed meanwhile.
    """
    if known is None or not is_said_alike(known.stamp, noted.stamp):
        return False
    if known.is_there:
        return known.sha256 == noted.sha256
    return known.before_sha256 == noted.sha256 and not is_anything_said(noted.stamp)


def refused(name: str, code: str, detail: str) -> Arrival:
    """A file that cannot be used."""
    return Arrival(name=name, error=(code, detail))


def refuse_member(member: FailedMember) -> Taken:
    """A file that its archive or folder could not give."""
    return Taken(arrival=refused(member.name, member.code, member.detail))


def deliver(session: Session, claim: Claim, portion: Portion, *, settings: Settings) -> None:
    """Give a portion to a claimed shard's job, and note how far the shard has come.

    Raises `NotFoundError` if what it is for was deleted.
    """
    fence(session, claim)
    check_targets(session, claim.job)
    usable = [one for one in portion.taken if not one.arrival.error]
    # A stray text among files is no reason to refuse the files.
    if usable and all(one.is_text for one in usable) and claim.job.spec["dataset"]:
        datasets.settle_kind(session, int(claim.job.work["dataset_id"]), TEXT)
    arrivals = _with_ids(session, claim, portion.taken)
    delivery = Delivery(arrivals=arrivals, packs=portion.packs, contents=portion.contents)
    add_delivery(session, claim.job, delivery, settings=settings)
    shards.set_arguments(session, claim.shard.id, portion.arguments)


def _with_ids(session: Session, claim: Claim, taken: Sequence[Taken]) -> list[Arrival]:
    """What is not in yet, with the ids that the same files had before."""
    noted = [one.noted for one in taken if one.noted]
    spoilt = [one.spoilt for one in taken if one.spoilt]
    if not noted and not spoilt:
        return [one.arrival for one in taken]
    work = claim.job.work
    source = SourceRecord(id=work["source_id"], scan=work["scan"])
    sources.mark_seen(session, source, spoilt)
    ids = sources.note_files(session, source, target_of(work), noted)
    return [
        replace(one.arrival, item_id=ids[one.noted.name]) if one.noted else one.arrival
        for one in taken
        if not one.is_in
    ]


def new_item_id(attributes: Attributes) -> str:
    """The id that a file is given, or one of ours."""
    return attributes.item_id or new_id("item")


def _top_folder(name: str) -> str | None:
    folder, slash, _ = name.removeprefix("./").partition("/")
    return folder if slash else None
