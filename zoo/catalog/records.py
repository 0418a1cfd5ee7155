"""What the catalog hands out: frozen data, never rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]
"""A JSON object as stored; each user of one knows its shape."""


@dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """A plugin as last described."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str
    described_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A name in the registry."""

    id: int
    name: str
    kind: str
    plugin: str | None
    architecture: str | None
    weights_tag: str | None
    is_default: bool
    card: Json
    detail: Json | None
    created_at: datetime
    tuned: VersionRecord | None = None  # of a tuned backbone: the version that it is


@dataclass(frozen=True, kw_only=True)
class ListedModelRecord:
    """A name in the registry as lists show it; thousands of cards are not worth parsing."""

    name: str
    kind: str
    plugin: str | None
    is_default: bool
    created_at: datetime
    card_json: str  # a JSON object


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """A model version: a head on `backbone`, or on the network that was tuned with it.

    `space_id` is where the head reads: the backbone's space, or the tuned network's own.
    """

    model: str
    version: int
    backbone: str
    space_id: str
    blob_key: str
    sha256: str
    size_bytes: int
    labels: Sequence[str]
    lineage: Json
    metrics: Json
    job_id: str
    weights_key: str | None  # the tuned network; of a head alone this and the next three are None
    weights_sha256: str | None
    weights_size_bytes: int | None
    detail: Json | None  # a `BackboneDetail`
    archived_at: datetime | None
    created_at: datetime

    @property
    def name(self) -> str:
        """As it is called elsewhere: `pets:3`."""
        return f"{self.model}:{self.version}"


@dataclass(frozen=True, kw_only=True)
class AliasRecord:
    """An alias and the version it names."""

    model: str
    alias: str
    version: int
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class AliasMoveRecord:
    """One step of an alias."""

    alias: str
    from_version: int | None
    to_version: int | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ContentRecord:
    """Original bytes and where they stand."""

    sha256: str
    pack_key: str
    offset: int
    size_bytes: int
    width: int | None
    height: int | None


@dataclass(frozen=True, kw_only=True)
class SegmentRecord:
    """A file of vectors."""

    id: int
    space_id: str
    key: str
    sha256: str
    n_rows: int
    dim: int


@dataclass(frozen=True, kw_only=True)
class FeatureRecord:
    """Where one embedding stands."""

    sha256: str
    segment_id: int
    row: int


@dataclass(frozen=True, kw_only=True)
class CollectionRecord:
    """A collection with its current generation."""

    id: int
    name: str
    model: str
    metric: str
    revision: int
    created_at: datetime
    generation_id: int
    generation: int
    space_id: str
    dim: int
    index_key: str | None
    index_sha256: str | None
    index_revision: int | None
    index_rows: int | None


@dataclass(frozen=True, kw_only=True)
class ItemRecord:
    """An item of a collection."""

    pk: int
    item_id: str
    name: str
    label: str | None
    metadata: Json
    sha256: str
    width: int | None
    height: int | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class IndexRow:
    """What an index needs of an item."""

    pk: int
    revision: int
    sha256: str  # empty of a tombstone that gave its content up
    is_deleted: bool


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """A dataset; `version` is its newest sealed version, 0 before the first."""

    id: int
    name: str
    kind: str | None  # image | text; None until something is in
    created_at: datetime
    version: int


@dataclass(frozen=True, kw_only=True)
class DatasetVersionRecord:
    """An immutable dataset version."""

    dataset: str
    version: int
    digest: str
    n_items: int
    labels: Mapping[str, int]
    job_id: str | None  # None if it was sealed without one
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Example:
    """One labelled content of a dataset version."""

    item_id: str
    name: str
    label: str
    split: str | None
    sha256: str
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ListedExample(Example):
    """An example with its place in lists."""

    pk: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Examples that two versions differ in, in one way: how many, and the first of them."""

    count: int
    first: Sequence[tuple[Example | None, Example | None]]  # before, after


@dataclass(frozen=True, kw_only=True)
class LabelCount:
    """How much there is of a label."""

    label: str
    examples: int
    contents: int  # distinct ones


@dataclass(frozen=True, kw_only=True)
class SplitCount:
    """How many examples of a label are given for a split, or with None for none."""

    label: str
    split: str | None
    examples: int


@dataclass(frozen=True, kw_only=True)
class Clash:
    """A content of which several things are said."""

    sha256: str
    said: Sequence[tuple[str, str]]  # an example's name, and its label or split


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job as it stands."""

    id: str
    type: str
    state: str
    spec: Json
    work: Json
    final_kind: str
    is_internal: bool
    phase: str
    steps: Sequence[Json]
    warnings: Sequence[str]
    result: Json | None
    error_code: str | None
    error_detail: str | None
    attempt: int
    parent_job_id: str | None
    request_id: str | None  # of the request that asked for it, for the log
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """A shard as it stands."""

    id: int
    job_id: str
    kind: str
    queue: str
    state: str
    arguments: Json
    token: int
    attempt: int
    waits: int  # pauses since its last progress, for what did not answer
    worker_id: str | None
    pid: int | None
    announced_at: datetime | None  # when a message was sent for it; none while it has to be


@dataclass(frozen=True, kw_only=True)
class InputRecord:
    """One file that a job was given."""

    pk: int
    position: int
    name: str
    item_id: str
    label: str | None
    split: str | None
    metadata: Json
    sha256: str | None
    state: str
    error_code: str | None
    error_detail: str | None


@dataclass(frozen=True, kw_only=True)
class SourceRecord:
    """A place that files come from, and the number of the look at it that begins now."""

    id: int
    scan: int


@dataclass(frozen=True, kw_only=True)
class SourceFileRecord:
    """A file of a source as it was read."""

    name: str  # tells it from the source's others
    archive: str | None = None  # the name of the source's file that holds it
    size_bytes: int
    stamp: str  # changes whenever the file does
    sha256: str | None  # of an archive none
    reference: str | None = None  # its pack's key, where nothing was copied
    item_id: str  # of an archive empty


@dataclass(frozen=True, kw_only=True)
class KnownFileRecord:
    """What an earlier look at a source has left of a file."""

    size_bytes: int
    stamp: str
    sha256: str | None
    reference: str | None
    item_id: str
    scan: int
    is_there: bool  # its item still stands for the same content
    before_sha256: str | None  # what its item stands for, if that is what the file held before


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """Something that happened to a job."""

    id: int
    type: str
    payload: Json
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class WorkerRecord:
    """A worker process."""

    id: str
    node: str
    pid: int
    pid_started: str
    queue: str
    beat: int


@dataclass(frozen=True, kw_only=True)
class KeyRecord:
    """An API key without its text."""

    id: str
    name: str
    scope: str
    digest: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
