"""Taking an archive apart: its members go into packs, and new shards do the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from zoo.catalog import shards
from zoo.errors import InvalidError
from zoo.images.archives import FailedMember, Member, read_archive
from zoo.jobs.intake import Arrival, Delivery, add_delivery
from zoo.jobs.ledger import Claim, fence, finish
from zoo.storage.packs import PackWriter, content_of
from zoo_workers.context import Context

MEMBERS_A_WRITE = 1000
BYTES_A_WRITE = 256_000_000
"""What one transaction takes over at most; a new attempt goes on after the last member of it."""


def run(context: Context, claim: Claim) -> None:
    """Expand an archive into the inputs of its job; a broken one is a failed input itself."""
    taken = int(claim.arguments["skip"])
    members = islice(_members(context, claim), taken, None)
    while n_more := _take(context, claim, members, taken=taken):
        taken += n_more
    with context.catalog.write() as session:
        fence(session, claim)
        finish(session, claim)
    context.blobs.delete(str(claim.arguments["archive"]))  # all that it held is in packs now


def _members(context: Context, claim: Claim) -> Iterator[Member | FailedMember]:
    """The archive's members; where it breaks off, the archive itself as the last of them."""
    path = context.blobs.local_path(str(claim.arguments["archive"]))
    try:
        yield from read_archive(path, max_bytes=context.settings.max_image_bytes)
    except InvalidError as error:
        name = str(claim.arguments["name"])
        yield FailedMember(name=name, code=error.code, detail=error.detail)


def _portion(members: Iterator[Member | FailedMember]) -> Iterator[Member | FailedMember]:
    """Members for one transaction, one in memory at a time."""
    room = BYTES_A_WRITE
    for member in islice(members, MEMBERS_A_WRITE):
        yield member
        room -= len(member.content) if isinstance(member, Member) else 0
        if room <= 0:
            return


def _take(
    context: Context, claim: Claim, members: Iterator[Member | FailedMember], *, taken: int
) -> int:
    settings = context.settings
    spool = settings.home / "tmp"
    spool.mkdir(exist_ok=True)
    is_labelled = claim.job.spec["dataset"] is not None
    with PackWriter(context.blobs, spool=spool, pack_bytes=settings.pack_bytes) as writer:
        arrivals = [
            _arrive(writer, member, is_labelled=is_labelled) for member in _portion(members)
        ]
        if not arrivals:
            return 0
        packs: Mapping[str, int] = {pack.key: pack.size_bytes for pack in writer.commit()}
    delivery = Delivery(arrivals=arrivals, packs=packs)
    arguments = {**claim.arguments, "skip": taken + len(arrivals)}
    with context.catalog.write() as session:
        fence(session, claim)
        add_delivery(session, claim.job, delivery, settings=settings)
        shards.set_arguments(session, claim.shard.id, arguments)
    return len(arrivals)


def _arrive(writer: PackWriter, member: Member | FailedMember, *, is_labelled: bool) -> Arrival:
    if isinstance(member, FailedMember):
        return Arrival(name=member.name, error=(member.code, member.detail))
    if not member.content:
        return Arrival(name=member.name, error=("empty_file", "the file is empty"))
    label = _label(member.name) if is_labelled else None
    if is_labelled and label is None:
        detail = "the file is not in a folder; in a dataset's archive the top folder is the label"
        return Arrival(name=member.name, error=("no_label", detail))
    return Arrival(name=member.name, content=content_of(writer.add(member.content)), label=label)


def _label(name: str) -> str | None:
    folder, slash, _ = name.removeprefix("./").partition("/")
    return folder if slash else None
