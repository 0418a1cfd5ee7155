"""Making jobs: one transaction writes the job, its inputs and shards, and the wake-ups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zoo.catalog import Session, contents, features, inputs, shards, sources
from zoo.catalog.records import (
    ContentRecord,
    Example,
    InputRecord,
    ItemRecord,
    JobRecord,
    Json,
)
from zoo.catalog.rows import chunks
from zoo.catalog.sources import Target
from zoo.errors import InvalidError, UnavailableError
from zoo.images.attributes import name_of
from zoo.jobs.ledger import create_job, settle
from zoo.jobs.specs import (
    DescribeSpec,
    ExtractSpec,
    FineTuneSpec,
    IngestSpec,
    RefreshSpec,
    spec_to_json,
)
from zoo.names import new_id
from zoo.settings import CPU_QUEUE, GPU_QUEUE, Settings

SHARD_S = 1.5
"""What a shard should take: long against its announcement, short against a core's idleness."""
EMBEDDED_A_SHARD = 1000
"""Inputs a shard whose embeddings are known: there is nothing to forward."""
SMALLEST_SHARD = 8
"""Inputs below which splitting a job over cores costs more than it gains."""

FILE_S = 60.0
"""What a shard of features should take at most: each writes a file, and many small ones are a
burden, but what a process that dies had done is done again."""
FILE_BYTES = 256_000_000
"""What a shard of features writes at most, and holds in memory until then."""
GPU_SECONDS_PER_ITEM = 0.0005
"""What an item is reckoned to cost where a GPU forwards, until one has been measured."""
FORWARDING = ("embed", "extract")
"""Kinds of shards that go to the queue of GPUs, where the service has some."""
KIND_OF_INPUTS: Mapping[str, str] = {"seal": "check", "collate": "extract"}
"""What becomes of inputs, by the final shard of their job; else they are embedded."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One file or text as it came: stored, or refused with a code and a sentence."""

    name: str
    sha256: str | None = None
    error: tuple[str, str] | None = None
    item_id: str | None = None
    label: str | None = None
    split: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ArrivedArchive:
    """An archive as it came, stored under a blob key; a worker will expand it."""

    name: str
    key: str
    form: str | None = None  # of a manifest that holds texts itself, in the place of an archive


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Everything that one request or one archive brought; its packs are durable already.

    What arrived and is not among the contents of these packs is known to the catalog.
    """

    arrivals: Sequence[Arrival]
    packs: Mapping[str, int] = field(default_factory=dict)  # key -> size in bytes
    contents: Sequence[ContentRecord] = ()
    archives: Sequence[ArrivedArchive] = ()


def submit_ingest(
    session: Session, spec: IngestSpec, delivery: Delivery, *, work: Json, settings: Settings
) -> JobRecord:
    """A job that takes a delivery into a collection or dataset.

    `work` says what was resolved: the collection's id, model and space, or the dataset's id.
    """
    target = "collection" if spec.collection else "dataset"
    job = create_job(session, "ingest", spec_to_json(spec), work=work, target=target)
    for archive in delivery.archives:
        arguments = {"archive": archive.key, "name": archive.name, "skip": 0}
        if archive.form:
            arguments["form"] = archive.form
        shards.add_shard(session, job.id, "expand", arguments=arguments)
    n_shards = _take(session, job, delivery, first=0, settings=settings)
    if not (n_shards or delivery.archives):
        settle(session, job.id)
    return job


def submit_source(
    session: Session, spec: IngestSpec, *, work: Json, parent_job_id: str | None = None
) -> JobRecord:
    """A job that reads a source into a collection or dataset; `work` as for a delivery."""
    if spec.source is None:
        raise InvalidError("the job names no source", field="source")
    target = target_of(work)
    source = sources.begin_scan(session, target, spec.source.location)
    job = create_job(
        session,
        "ingest",
        spec_to_json(spec),
        work={**work, "source_id": source.id, "scan": source.scan},
        target="collection" if spec.collection else "dataset",
        parent_job_id=parent_job_id,
    )
    shards.add_shard(session, job.id, "scan", arguments={})
    return job


def submit_collection(session: Session, spec: IngestSpec, *, work: Json) -> JobRecord:
    """A job that takes the labelled items of a collection into a dataset.

    `work` says what was resolved: the dataset's id, and as `from_collection_id` the collection's.
    """
    job = create_job(session, "ingest", spec_to_json(spec), work=work, target="dataset")
    shards.add_shard(session, job.id, "gather", arguments={"after": 0, "unlabelled": 0})
    return job


def target_of(work: Json) -> Target:
    """What an ingest fills."""
    return Target(
        collection_id=work.get("collection_id"),
        dataset_id=None if "collection_id" in work else work["dataset_id"],
    )


def submit_fine_tune(session: Session, spec: FineTuneSpec, *, work: Json) -> JobRecord:
    """A job that trains a model version; `spec` has been checked against the catalog."""
    job = create_job(session, "fine_tune", spec_to_json(spec), work=work)
    shards.add_shard(session, job.id, "plan", arguments={})
    return job


def submit_extract(session: Session, spec: ExtractSpec, *, work: Json) -> JobRecord:
    """A job that writes features to files; `spec` has been checked against the catalog.

    `work` says what was resolved: the model, its space, the taps, and where the pictures are.
    """
    job = create_job(session, "extract", spec_to_json(spec), work=work)
    shards.add_shard(session, job.id, "enlist", arguments={"after": 0})
    return job


def submit_describe(session: Session, plugin: str) -> JobRecord:
    """The zoo's own job that asks a plugin what it has."""
    spec = spec_to_json(DescribeSpec(plugin=plugin))
    job = create_job(session, "describe", spec, work={}, is_internal=True)
    shards.add_shard(session, job.id, "describe", arguments={})
    return job


def submit_refresh(session: Session, spec: RefreshSpec) -> JobRecord:
    """The zoo's own job that looks which plugins are installed now."""
    job = create_job(session, "refresh", spec_to_json(spec), work={}, is_internal=True)
    shards.add_shard(session, job.id, "refresh", arguments={})
    return job


def add_delivery(
    session: Session, job: JobRecord, delivery: Delivery, *, settings: Settings
) -> None:
    """Register packs and contents, and give the inputs to new shards.

    `UnavailableError` with code `content_collected` if a content that was not stored again, as it
    was known, has been collected since.
    """
    _take(session, job, delivery, first=inputs.next_position(session, job.id), settings=settings)


def _take(
    session: Session, job: JobRecord, delivery: Delivery, *, first: int, settings: Settings
) -> int:
    """What `add_delivery` does, from a position on; returns how many shards were made."""
    pack_ids = contents.add_packs(session, delivery.packs)
    new = contents.add_contents(session, delivery.contents, pack_ids=pack_ids)
    _check_held(session, {one.sha256 for one in delivery.arrivals if one.sha256} - new)
    given = [
        _to_input(arrival, position)
        for position, arrival in enumerate(delivery.arrivals, start=first)
    ]
    return add_inputs(session, job, given, settings=settings, new=new)


def _check_held(session: Session, sha256s: set[str]) -> None:
    gone = sha256s - contents.hold_contents(session, sha256s)
    if gone:
        raise UnavailableError(
            f"{len(gone)} of the files given were known, and collected as garbage at this very "
            "moment; send them again",
            code="content_collected",
            retry_after_s=1,
        )


def add_inputs(
    session: Session,
    job: JobRecord,
    given: Sequence[InputRecord],
    *,
    settings: Settings,
    new: frozenset[str] = frozenset(),
) -> int:
    """Add inputs to a job in shards of about equal size, enough for every core.

    `new` are contents (sha256, hex) that came with this transaction: nobody has embedded them.
    Returns how many shards that made.
    """
    refused = [one for one in given if one.state == "failed"]
    inputs.add_inputs(session, job.id, refused, shard_id=None)
    todo = [one for one in given if one.state == "queued"]
    kind = KIND_OF_INPUTS.get(job.final_kind, "embed")
    queue = settings.forward_queue if kind in FORWARDING else CPU_QUEUE
    n_shards = 0
    turn = shards.next_turn(session, job.id, queue) if todo else 0
    for share, size in _shares(session, job, kind, todo, settings=settings, new=new):
        for chunk in chunks(share, size):
            shard_id = shards.add_shard(
                session, job.id, kind, arguments={}, queue=queue, turn=turn + n_shards
            )
            inputs.add_inputs(session, job.id, chunk, shard_id=shard_id)
            n_shards += 1
    return n_shards


def _shares(
    session: Session,
    job: JobRecord,
    kind: str,
    todo: Sequence[InputRecord],
    *,
    settings: Settings,
    new: frozenset[str],
) -> list[tuple[Sequence[InputRecord], int]]:
    """Inputs that take as long as each other, with how many of them make a shard."""
    space_id = job.work.get("space_id")
    if space_id is None or len(todo) <= 1:  # one alone is not to be shared out
        return [(todo, shard_size(len(todo), settings, seconds_per_item=None))]
    measured = features.seconds_per_item(session, space_id)
    if kind == "extract":
        item_bytes = job.work["item_bytes"]
        return [(todo, file_size(len(todo), settings, item_bytes, seconds_per_item=measured))]
    sha256s = {str(one.sha256) for one in todo} - new
    known = features.locate(session, space_id=space_id, sha256s=sha256s)
    embedded = [one for one in todo if one.sha256 in known]
    others = [one for one in todo if one.sha256 not in known]
    size = shard_size(
        len(others), settings, seconds_per_item=measured, queue=settings.forward_queue
    )
    return [(embedded, EMBEDDED_A_SHARD), (others, size)]


def is_whole_look(looks: Sequence[Json]) -> bool:
    """Whether the scan shards with these arguments saw all of their sources."""
    return all(look.get("is_complete") for look in looks)


def shard_size(
    n: int, settings: Settings, *, seconds_per_item: float | None, queue: str = CPU_QUEUE
) -> int:
    """Inputs a shard: as many as take `SHARD_S`, fewer when that lets all cores work.

    What was never measured is reckoned to take what the settings say. A GPU takes whole batches.
    """
    smallest, most = SMALLEST_SHARD, settings.shard_items
    a_core = math.ceil(n / (2 * settings.cores))
    reckoned = settings.seconds_per_item
    if queue == GPU_QUEUE:
        smallest, most = settings.gpu_batch, settings.gpu_shard_items
        a_core, reckoned = math.ceil(n / 2), GPU_SECONDS_PER_ITEM
    in_time = round(SHARD_S / max(seconds_per_item or reckoned, 1e-6))
    return max(1, min(most, max(smallest, min(in_time, a_core))))


def file_size(
    n: int, settings: Settings, item_bytes: int, *, seconds_per_item: float | None
) -> int:
    """Inputs a shard that writes a file: within `FILE_S` and `FILE_BYTES`, and on all cores."""
    a_core = max(SMALLEST_SHARD, math.ceil(n / (2 * settings.cores)))
    in_time = round(FILE_S / max(seconds_per_item or settings.seconds_per_item, 1e-6))
    return max(1, min(a_core, in_time, FILE_BYTES // max(item_bytes, 1)))


def queued_input(one: Example | ItemRecord, position: int) -> InputRecord:
    """What is stored already as an input that waits to be done."""
    return InputRecord(
        pk=0,
        position=position,
        name=one.name,
        item_id=one.item_id,
        label=one.label,
        split=one.split if isinstance(one, Example) else None,
        metadata={},
        sha256=one.sha256,
        state="queued",
        error_code=None,
        error_detail=None,
    )


def _to_input(arrival: Arrival, position: int) -> InputRecord:
    code, detail = arrival.error or (None, None)
    return InputRecord(
        pk=0,
        position=position,
        name=name_of(arrival.name),
        item_id=arrival.item_id or new_id("item"),
        label=arrival.label,
        split=arrival.split,
        metadata=arrival.metadata,
        sha256=arrival.sha256,
        state="failed" if arrival.error else "queued",
        error_code=code,
        error_detail=detail,
    )
