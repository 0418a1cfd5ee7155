"""Checking a shard of labelled files: each is decoded once, and the readable ones are examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoo.catalog import Session, contents, datasets, inputs
from zoo.catalog.records import ContentRecord, InputRecord
from zoo.errors import ContentError, DamagedError, ImageError
from zoo.jobs.ledger import Claim, fence, finish
from zoo.storage.packs import read_stored
from zoo_workers.context import Context
from zoo_workers.gone import gone_error


def run(context: Context, claim: Claim) -> None:
    """Decode what was never decoded, and add the readable inputs to their dataset."""
    with context.catalog.read() as session:
        given = inputs.queued_inputs(session, claim.shard.id)
        found = contents.get_contents(session, [str(one.sha256) for one in given])
    sizes, failed = _measure(context, [one for one in found.values() if one.width is None])
    wanted = {str(one.sha256) for one in given}
    failed.update({sha256: gone_error(sha256) for sha256 in wanted - found.keys()})
    with context.catalog.write() as session:
        fence(session, claim)
        contents.set_sizes(session, sizes)
        good = [one for one in given if one.sha256 not in failed]
        for one in given:
            if error := failed.get(str(one.sha256)):
                inputs.set_failed(
                    session, claim.job.id, [one.pk], code=error.code, detail=error.detail
                )
        inputs.set_state(session, claim.job.id, [one.pk for one in good], "reused")
        _add_examples(session, claim, good)
        finish(session, claim)


def _measure(
    context: Context, unknown: Sequence[ContentRecord]
) -> tuple[Mapping[str, tuple[int, int]], dict[str, ContentError]]:
    sizes: dict[str, tuple[int, int]] = {}
    failed: dict[str, ContentError] = {}
    for content in unknown:
        context.watchdog.feed()
        try:
            original = read_stored(context.catalog, context.blobs, content)
            sizes[content.sha256] = context.sandbox.measure(original)
        except ImageError as error:
            failed[content.sha256] = error
        except DamagedError as error:
            failed[content.sha256] = ContentError(error.detail, code=error.code)
    return sizes, failed


def _add_examples(session: Session, claim: Claim, good: Sequence[InputRecord]) -> None:
    dataset_id = int(claim.job.work["dataset_id"])
    if datasets.has_dataset(session, dataset_id):  # else it was deleted: the seal shard says so
        datasets.put_examples(session, dataset_id, good)
