"""Embedding a shard's contents: what the feature store lacks is forwarded, once, ever."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from zoo.backbone import Preprocessing
from zoo.catalog import Session, collections, contents, features, inputs, items, shards
from zoo.catalog.records import ContentRecord, InputRecord
from zoo.errors import ContentError, DamagedError, PluginError
from zoo.faults import Point, reach
from zoo.inference.engines import PixelArray
from zoo.inference.pipeline import Embedded, embed_contents
from zoo.jobs.effort import Effort, note_effort
from zoo.jobs.ledger import Claim, end_ingest, fence, finish
from zoo.storage.packs import read_stored
from zoo.storage.segments import WrittenSegment, write_segment
from zoo_workers import index
from zoo_workers.context import Context
from zoo_workers.effort import Stopwatch
from zoo_workers.gone import gone_error
from zoo_workers.models import batch_for, load_model
from zoo_workers.reserving import Todo, reserve
from zoo_workers.shortage import fewer

BUSY_ELSEWHERE_S = 1.0
"""When to look again for contents that another shard is forwarding."""
SAMPLES = 8
"""Pictures of a shard that an export is verified on."""


@dataclass(kw_only=True)
class Outcome:
    """What forwarding gave, by sha256."""

    embedded: dict[str, Embedded] = field(default_factory=dict)
    failed: dict[str, ContentError] = field(default_factory=dict)
    effort: Effort | None = None


def run(context: Context, claim: Claim) -> None:
    """Embed the contents of a shard's inputs and make items of them."""
    todo = reserve(context, claim)
    outcome = _forward(context, claim, todo) if todo.contents else Outcome()
    outcome.failed.update({sha256: gone_error(sha256) for sha256 in todo.gone})
    reach(context.settings, Point.EMBED_FORWARDED)
    segment = _store(context, outcome)
    reach(context.settings, Point.EMBED_STORED)
    is_index_needed = index.is_needed(context, claim, n_more=len(todo.inputs))
    with context.catalog.write() as session:
        fence(session, claim)
        _record_features(session, claim, outcome, segment)
        _record_effort(session, claim, outcome)
        left = _record_inputs(session, claim, todo, outcome)
        if left:
            later = shards.add_shard(
                session,
                claim.job.id,
                "embed",
                arguments={},
                queue=claim.shard.queue,
                delay_s=BUSY_ELSEWHERE_S,
            )
            inputs.move_inputs(session, (one.pk for one in left), shard_id=later)
        is_kept = _record_items(session, claim, todo, outcome, skip={one.pk for one in left})
        reach(context.settings, Point.EMBED_RECORDED)
        finish(session, claim, end=end_ingest if is_kept and not is_index_needed else None)


def _forward(context: Context, claim: Claim, todo: Todo) -> Outcome:
    outcome = Outcome()
    model = load_model(context, claim.job.work, samples=partial(_samples, context, todo.contents))
    context.watchdog.feed()
    stopwatch = Stopwatch(context.sandbox)
    forwarded = embed_contents(
        [(content.sha256, partial(_read, context, content)) for content in todo.contents],
        model=stopwatch.watched(model),
        sandbox=context.sandbox,
        batch=fewer(batch_for(context, model), claim),
    )
    for sha256, result in forwarded:
        if isinstance(result, ContentError):
            outcome.failed[sha256] = result
        else:
            outcome.embedded[sha256] = result
    outcome.effort = stopwatch.read(n=len(outcome.embedded), engine=model.engine_name)
    return outcome


def _read(context: Context, content: ContentRecord) -> bytes:
    context.watchdog.feed()
    reach(context.settings, Point.EMBED_READING)
    return read_stored(context.catalog, context.blobs, content)


def _samples(
    context: Context, given: Sequence[ContentRecord], preprocessing: Preprocessing
) -> list[PixelArray]:
    pictures = []
    for content in given[:SAMPLES]:
        with suppress(ContentError, DamagedError):
            original = read_stored(context.catalog, context.blobs, content)
            found = context.sandbox.decode(original, preprocessing)
            pictures.append(found.pixels)
    return pictures


def _store(context: Context, outcome: Outcome) -> WrittenSegment | None:
    if not outcome.embedded:
        return None
    vectors = np.stack([one.vector for one in outcome.embedded.values()])
    return write_segment(context.blobs, vectors)


def _record_features(
    session: Session, claim: Claim, outcome: Outcome, segment: WrittenSegment | None
) -> None:
    if segment is None:
        return
    space_id = claim.job.work["space_id"]
    if segment.dim != claim.job.work["dim"]:
        raise PluginError(
            f"{claim.job.work['model']} gave vectors of {segment.dim} numbers, "
            f"its space has {claim.job.work['dim']}",
            plugin=str(claim.job.work["model"]).partition(".")[0],
        )
    segment_id = features.add_segment(
        session,
        space_id=space_id,
        key=segment.key,
        sha256=segment.sha256,
        n_rows=segment.n_rows,
        dim=segment.dim,
    )
    features.add_features(
        session, space_id=space_id, segment_id=segment_id, contents=list(outcome.embedded)
    )
    sizes = {sha256: one.size for sha256, one in outcome.embedded.items() if one.size}
    contents.set_sizes(session, sizes)


def _record_effort(session: Session, claim: Claim, outcome: Outcome) -> None:
    if outcome.effort and outcome.embedded:
        space_id = claim.job.work["space_id"]
        note_effort(session, claim.shard.id, space_id=space_id, effort=outcome.effort)


def _record_inputs(
    session: Session, claim: Claim, todo: Todo, outcome: Outcome
) -> list[InputRecord]:
    """Write what became of each input; returns those that wait for another shard."""
    first_use: set[str] = set()
    embedded, reused, left = [], [], []
    for one in todo.inputs:
        sha256 = str(one.sha256)
        if sha256 in outcome.failed:
            error = outcome.failed[sha256]
            inputs.set_failed(
                session, claim.job.id, [one.pk], code=error.code, detail=error.detail
            )
        elif sha256 in todo.busy:
            left.append(one)
        elif sha256 in todo.known or sha256 in first_use:
            reused.append(one.pk)
        else:
            first_use.add(sha256)
            embedded.append(one.pk)
    inputs.set_state(session, claim.job.id, embedded, "embedded")
    inputs.set_state(session, claim.job.id, reused, "reused")
    return left


def _record_items(
    session: Session, claim: Claim, todo: Todo, outcome: Outcome, *, skip: set[int]
) -> bool:
    """Make items of what was embedded; False if the collection was deleted meanwhile."""
    collection_id = claim.job.work.get("collection_id")
    made = [
        one for one in todo.inputs if one.pk not in skip and str(one.sha256) not in outcome.failed
    ]
    if collection_id is None or not made:
        return True
    revision = collections.next_revision(session, collection_id)
    if revision is None:  # the index shard will say so
        return False
    items.put_items(session, collection_id, made, revision=revision)
    return True
