"""Checking a shard of labelled contents: each is read once, and the readable ones are examples.

A dataset holds pictures or texts. What it holds is settled by the first that is added, or when
it is made; what is of the other kind fails as what it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from zoo.backbone import IMAGE, TEXT
from zoo.catalog import Session, contents, datasets, inputs
from zoo.catalog.records import ContentRecord, InputRecord
from zoo.errors import ContentError, DamagedError, ImageError, TextError
from zoo.jobs.ledger import Claim, fence, finish
from zoo.storage.packs import read_stored
from zoo.texts import decode_text
from zoo_workers.context import Context
from zoo_workers.gone import gone_error

Checked: TypeAlias = tuple[Mapping[str, tuple[int, int]], dict[str, ContentError]]
"""Sizes of pictures and what is wrong with others, by sha256."""


def run(context: Context, claim: Claim) -> None:
    """Read what was never read, and add the readable inputs to their dataset."""
    dataset_id = int(claim.job.work["dataset_id"])
    with context.catalog.read() as session:
        kind = datasets.kind_of(session, dataset_id) or IMAGE
    while (settled := _check(context, claim, kind=kind)) not in (None, kind):
        kind = str(settled)


def _check(context: Context, claim: Claim, *, kind: str) -> str | None:
    """Check everything as one kind; returns what the dataset holds, None where that is open.

    If that is another, nothing was added.
    """
    with context.catalog.write() as session:
        fence(session, claim)
        given = inputs.queued_inputs(session, claim.shard.id)
        found = contents.get_contents(session, [str(one.sha256) for one in given])
    check = _read_texts if kind == TEXT else _measure
    sizes, failed = check(context, list(found.values()))
    wanted = {str(one.sha256) for one in given}
    failed.update({sha256: gone_error(sha256) for sha256 in wanted - found.keys()})
    good = [one for one in given if one.sha256 not in failed]
    with context.catalog.write() as session:
        fence(session, claim)
        settled = _settled(session, claim, kind if good else None)
        if settled in (None, kind):
            contents.set_sizes(session, sizes)
            _set_failed(session, claim, given, failed)
            inputs.set_state(session, claim.job.id, [one.pk for one in good], "reused")
            _add_examples(session, claim, good)
            finish(session, claim)
    return settled


def _settled(session: Session, claim: Claim, kind: str | None) -> str | None:
    """What the dataset holds: what is the first of it to be added settles that.

    None if nothing was, or if it was deleted: the seal shard says so.
    """
    dataset_id = int(claim.job.work["dataset_id"])
    if kind is None:
        return datasets.kind_of(session, dataset_id)
    return datasets.settle_kind(session, dataset_id, kind)


def _set_failed(
    session: Session,
    claim: Claim,
    given: Sequence[InputRecord],
    failed: Mapping[str, ContentError],
) -> None:
    for one in given:
        if error := failed.get(str(one.sha256)):
            inputs.set_failed(
                session, claim.job.id, [one.pk], code=error.code, detail=error.detail
            )


def _measure(context: Context, given: Sequence[ContentRecord]) -> Checked:
    """Decode the pictures among them whose size is not known."""
    sizes: dict[str, tuple[int, int]] = {}
    failed: dict[str, ContentError] = {}
    for content in given:
        if content.width is not None:
            continue
        context.watchdog.feed()
        try:
            original = read_stored(context.catalog, context.blobs, content)
            sizes[content.sha256] = context.sandbox.measure(original)
        except ImageError as error:
            failed[content.sha256] = error
        except DamagedError as error:
            failed[content.sha256] = ContentError(error.detail, code=error.code)
    return sizes, failed


def _read_texts(context: Context, given: Sequence[ContentRecord]) -> Checked:
    failed: dict[str, ContentError] = {}
    for content in given:
        context.watchdog.feed()
        try:
            decode_text(read_stored(context.catalog, context.blobs, content))
        except TextError as error:
            failed[content.sha256] = error
        except DamagedError as error:
            failed[content.sha256] = ContentError(error.detail, code=error.code)
    return {}, failed


def _add_examples(session: Session, claim: Claim, good: Sequence[InputRecord]) -> None:
    dataset_id = int(claim.job.work["dataset_id"])
    if datasets.has_dataset(session, dataset_id):
        datasets.put_examples(session, dataset_id, good)
