"""Extracting a shard's features: one forward a picture, one durable file a shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from zoo.catalog import Session, contents, inputs, shards
from zoo.catalog.records import ContentRecord, InputRecord, Json
from zoo.errors import ContentError
from zoo.faults import Point, reach
from zoo.features.tables import FeatureTable, FloatArray, write_table
from zoo.inference.tapping import TAP_BATCH, tap_contents
from zoo.jobs.ledger import Claim, fence, finish
from zoo.jobs.specs import read_extract
from zoo.storage.blobs import file_sha256, out_of_room
from zoo.storage.packs import read_stored
from zoo.taps import Tap, tap_from_json
from zoo_workers.context import Context
from zoo_workers.gone import gone_error
from zoo_workers.models import batch_for, load_built
from zoo_workers.shortage import fewer


@dataclass(kw_only=True)
class Outcome:
    """What forwarding gave; `arrays` have a row for each of `done`, in that order."""

    arrays: dict[str, FloatArray]
    done: list[InputRecord] = field(default_factory=list)
    failed: list[tuple[InputRecord, ContentError]] = field(default_factory=list)


def run(context: Context, claim: Claim) -> None:
    """Write the features of a shard's pictures to a file of record, and note where it stands."""
    with context.catalog.read() as session:
        given = inputs.queued_inputs(session, claim.shard.id)
        found = contents.get_contents(session, [str(one.sha256) for one in given])
    stored = [(one, found[str(one.sha256)]) for one in given if one.sha256 in found]
    outcome = _forward(context, claim, stored)
    gone = [one for one in given if one.sha256 not in found]
    outcome.failed.extend((one, gone_error(str(one.sha256))) for one in gone)
    written = _store(context, claim, outcome) if outcome.done else None
    reach(context.settings, Point.EXTRACT_STORED)
    with context.catalog.write() as session:
        fence(session, claim)
        _record_inputs(session, claim, outcome)
        if written:
            shards.set_arguments(session, claim.shard.id, {"file": dict(written)})
        finish(session, claim)


def _forward(
    context: Context, claim: Claim, given: Sequence[tuple[InputRecord, ContentRecord]]
) -> Outcome:
    taps = [tap_from_json(tap) for tap in claim.job.work["taps"]]
    outcome = Outcome(arrays=_room_for(taps, len(given)))
    model = load_built(context, claim.job.work)
    forwarded = tap_contents(
        [(one, partial(_read, context, content)) for one, content in given],
        model=model,
        taps=taps,
        sandbox=context.sandbox,
        batch=fewer(min(batch_for(context, model), TAP_BATCH), claim),
    )
    for one, result in forwarded:
        if isinstance(result, ContentError):
            outcome.failed.append((one, result))
            continue
        for tap, features in zip(taps, result, strict=True):
            outcome.arrays[tap.name][len(outcome.done)] = features
        outcome.done.append(one)
    return outcome


def _read(context: Context, content: ContentRecord) -> bytes:
    context.watchdog.feed()
    return read_stored(context.catalog, context.blobs, content)


def _room_for(taps: Sequence[Tap], n: int) -> dict[str, FloatArray]:
    return {tap.name: np.empty((n, *tap.given), np.float32) for tap in taps}


def _store(context: Context, claim: Claim, outcome: Outcome) -> Json:
    n = len(outcome.done)
    table = FeatureTable(
        ids=[one.item_id for one in outcome.done],
        names=[one.name for one in outcome.done],
        labels=[one.label for one in outcome.done],
        arrays={name: array[:n] for name, array in outcome.arrays.items()},
    )
    file_format = read_extract(claim.job.spec).format
    # The token is in the key: what another attempt writes never takes the place of this file.
    name = f"{claim.shard.id}-{claim.shard.token}.{file_format}"
    key = f"features/{claim.job.id}/{name}"
    spool = context.settings.home / "tmp"
    spool.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=spool) as folder:
        path = Path(folder) / name
        try:
            write_table(path, table, file_format)
        except OSError as error:
            raise out_of_room(key, error) from error
        written = {"items": n, "size_bytes": path.stat().st_size, "sha256": file_sha256(path)}
        context.blobs.put(key, path)
    return {"key": key, **written}


def _record_inputs(session: Session, claim: Claim, outcome: Outcome) -> None:
    inputs.set_state(session, claim.job.id, [one.pk for one in outcome.done], "embedded")
    for one, error in outcome.failed:
        inputs.set_failed(session, claim.job.id, [one.pk], code=error.code, detail=error.detail)
