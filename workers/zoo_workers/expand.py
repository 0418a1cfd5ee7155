"""Taking an archive apart: its members go into packs, and new shards do the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

from zoo.catalog import sources
from zoo.catalog.records import Json, SourceFileRecord
from zoo.errors import InvalidError
from zoo.faults import Point, reach
from zoo.images.archives import FailedMember, Member
from zoo.images.members import read_members, read_rows
from zoo.images.sources.entries import BY_ID, FoundFile, lost, short_name, with_said
from zoo.images.webdataset import without_key
from zoo.jobs.intake import target_of
from zoo.jobs.ledger import Claim, fence, finish
from zoo.jobs.targets import check_targets
from zoo.storage.packs import PackWriter, open_packs
from zoo_workers.arriving import (
    Portion,
    SourceWork,
    Taken,
    arrive_member,
    deliver,
    is_in,
    new_item_id,
    portion,
    refuse_member,
    source_of,
)
from zoo_workers.context import Context
from zoo_workers.feeding import feeding

GROUP_FILES = 256
GROUP_BYTES = 16_000_000
"""How many members the store is asked for at once: together they are in memory."""


def run(context: Context, claim: Claim) -> None:
    """Expand an archive into the inputs of its job; a broken one is a failed input itself."""
    if "file" in claim.arguments:
        _expand_of_source(context, claim)
        return
    key = str(claim.arguments["archive"])
    _expand(context, claim, _members(context, claim, lambda: _open_sent(context, key)))
    with context.catalog.write() as session:
        fence(session, claim)
        finish(session, claim)
    reach(context.settings, Point.EXPAND_FINISHED)
    context.blobs.delete(key)  # all that it held is in packs now


def _expand_of_source(context: Context, claim: Claim) -> None:
    """Expand an archive where it lies; a later look passes it over if all in it could be used."""
    work = source_of(context, claim)
    archive = FoundFile(**claim.arguments["file"])
    members = _members(context, claim, lambda: _open_unchanged(work, archive))
    if not work.opened.only:
        members = map(_without_key, members)
    is_sound = _expand(context, claim, members)
    with context.catalog.write() as session:
        fence(session, claim)
        check_targets(session, claim.job)
        if is_sound:
            sources.note_files(session, work.record, work.target, [_noted(archive)])
        finish(session, claim)


def _noted(archive: FoundFile) -> SourceFileRecord:
    return SourceFileRecord(
        name=archive.path,
        size_bytes=archive.size_bytes,
        stamp=archive.stamp,
        sha256=None,
        item_id="",
    )


def _members(
    context: Context, claim: Claim, open_archive: Callable[[], BinaryIO]
) -> Iterator[Member | FailedMember]:
    """The archive's members; where it breaks off, the archive itself as the last of them."""
    name = str(claim.arguments["name"])
    try:
        with open_archive() as opened:
            file = feeding(opened, context.watchdog.feed)
            if "form" in claim.arguments:
                yield from read_rows(file, str(claim.arguments["form"]), name=name)
            else:
                yield from read_members(file, max_bytes=context.settings.max_image_bytes)
    except InvalidError as error:
        yield FailedMember(name=name, code=error.code, detail=error.detail)


def _open_sent(context: Context, key: str) -> BinaryIO:
    with context.watchdog.resting():  # a store far away gives it as a whole
        return context.blobs.open(key)


def _open_unchanged(work: SourceWork, archive: FoundFile) -> BinaryIO:
    """An archive of a source, if it is still the one that was found."""
    if work.opened.place.find(archive.path) == archive:
        return work.opened.place.open(archive.path)
    raise lost("file_changed", "the archive has changed since it was found; ingest it again")


def _without_key(member: Member | FailedMember) -> Member | FailedMember:
    if isinstance(member, FailedMember):
        return member
    return replace(member, attributes=without_key(member.attributes))


def _expand(context: Context, claim: Claim, members: Iterator[Member | FailedMember]) -> bool:
    """Take what no attempt has taken yet; returns whether every member could be used."""
    arguments: Json = claim.arguments
    members = islice(members, int(arguments["skip"]), None)
    while further := _take(context, claim, members, arguments):
        arguments = further
    return not arguments.get("refused")


def _size(member: Member | FailedMember) -> int:
    return len(member.content) if isinstance(member, Member) else 0


def _take(
    context: Context, claim: Claim, members: Iterator[Member | FailedMember], arguments: Json
) -> Json | None:
    """Take some members over; returns where to go on, None if there were none left."""
    settings = context.settings
    with open_packs(context.catalog, context.blobs, settings) as writer:
        wanted = portion(members, _size, is_first=not arguments["skip"])
        taken = [one for some in _groups(wanted) for one in _taken(context, claim, writer, some)]
        written = writer.commit()
    if not taken:
        return None
    reach(settings, Point.EXPAND_STORED)
    if "file" in arguments:
        taken = _told_apart(context, claim, taken)
    further = _further(arguments, taken)
    delivered = Portion(
        taken=taken, packs=written.packs, contents=written.contents, arguments=further
    )
    with context.catalog.write() as session:
        deliver(session, claim, delivered, settings=settings)
    reach(settings, Point.EXPAND_DELIVERED)
    return further


def _told_apart(context: Context, claim: Claim, taken: list[Taken]) -> list[Taken]:
    """What was taken from an archive of a source, with what is in already known as such.

    Not where the archive has a name twice: the last of them is its item's, as it always is.
    """
    names = Counter(one.noted.name for one in taken if one.noted)
    work = claim.job.work
    with context.catalog.read() as session:
        known = sources.known_files(session, work["source_id"], target_of(work), names)
    once = {
        name: one
        for name, one in known.items()
        if names[name] == 1 and one.scan != work["scan"]  # of this look: from an earlier portion
    }
    return [
        replace(one, is_in=is_in(one.noted, once.get(one.noted.name))) if one.noted else one
        for one in taken
    ]


def _further(arguments: Json, taken: list[Taken]) -> Json:
    """Where to go on after what was taken."""
    counted = {
        "skip": len(taken),
        "refused": sum(one.arrival.error is not None for one in taken),
        "unchanged": sum(one.is_in for one in taken),
    }
    return {**arguments, **{name: int(arguments.get(name, 0)) + n for name, n in counted.items()}}


def _groups(
    members: Iterator[Member | FailedMember],
) -> Iterator[list[Member | FailedMember]]:
    """Members that the store is asked for at once."""
    group: list[Member | FailedMember] = []
    for member in members:
        group.append(member)
        if len(group) >= GROUP_FILES or sum(map(_size, group)) >= GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _taken(
    context: Context, claim: Claim, writer: PackWriter, group: list[Member | FailedMember]
) -> list[Taken]:
    context.watchdog.feed()
    kept = [one.content for one in group if isinstance(one, Member) and one.content]
    sha256s = iter(writer.add_all(kept))
    return [
        refuse_member(one)
        if isinstance(one, FailedMember)
        else _taken_member(claim, one, next(sha256s) if one.content else None)
        for one in group
    ]


def _taken_member(claim: Claim, member: Member, sha256: str | None) -> Taken:
    arrival = arrive_member(claim, member, sha256)
    if "file" not in claim.arguments:
        return Taken(arrival=arrival, is_text=member.is_text)
    archive = claim.arguments["file"]
    item_id = member.attributes.item_id
    place = f"{BY_ID}{item_id}" if item_id else member.name
    name = short_name(f"{archive['path']}!{place}")
    if sha256 is None or arrival.error:
        return Taken(arrival=arrival, spoilt=name)
    noted = SourceFileRecord(
        name=name,
        archive=archive["path"],
        size_bytes=len(member.content),
        stamp=with_said(archive["stamp"], member.attributes, path=member.name if item_id else ""),
        sha256=sha256,
        item_id=new_item_id(member.attributes),
    )
    return Taken(arrival=arrival, noted=noted, is_text=member.is_text)
