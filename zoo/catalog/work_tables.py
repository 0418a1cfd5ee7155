"""The tables of the job life-cycle: what was asked, of which sources, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from zoo.catalog.tables import GIVEN_ONCE, BigId, Table, now


class Job(Table):
    """One piece of asked work."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "type", "state"), Index(None, "state"))
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    spec: Mapped[dict[str, Any]]
    work: Mapped[dict[str, Any]]  # what its shards need besides: ids, models, spaces as resolved
    final_kind: Mapped[str] = mapped_column(String(16))  # the shard that ends the job
    is_internal: Mapped[bool] = mapped_column(default=False)  # the zoo's own, not asked by a user
    phase: Mapped[str] = mapped_column(String(32))
    steps: Mapped[list[Any]] = mapped_column(default=list)
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    result: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)  # the most attempts any of its shards took
    parent_job_id: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))  # of the request that asked for it
    # How many of its inputs are in each state: there may be a million, and progress is asked for.
    n_queued: Mapped[int] = mapped_column(default=0)
    n_embedded: Mapped[int] = mapped_column(default=0)
    n_reused: Mapped[int] = mapped_column(default=0)
    n_failed: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Shard(Table):
    """A piece of a job that one process does at a time; `token` fences its writes."""

    __tablename__ = "shards"
    __table_args__ = (
        Index(None, "state", "worker_id"),
        Index(None, "job_id", "state", "id"),
        Index(  # for claiming: the ended ones are many, and not in it
            "ix_shards_waiting",
            "queue",
            "turn",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    turn: Mapped[int] = mapped_column(default=0)  # the lowest of a queue is claimed first
    kind: Mapped[str] = mapped_column(String(16))
    queue: Mapped[str] = mapped_column(String(32), default="cpu")
    state: Mapped[str] = mapped_column(String(16), default="queued")
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    token: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(String(64))
    pid: Mapped[int | None]
    attempt: Mapped[int] = mapped_column(default=0)
    waits: Mapped[int] = mapped_column(default=0)  # for what did not answer: no attempts
    last_error: Mapped[str | None]
    announced_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    effort: Mapped[dict[str, Any] | None]  # what forwarding took


class JobInput(Table):
    """One file that a job was given, and what became of it."""

    __tablename__ = "job_inputs"
    __table_args__ = (
        UniqueConstraint("job_id", "position"),
        Index(None, "shard_id"),
        Index(None, "job_id", "state", "position"),
    )
    pk: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    shard_id: Mapped[int | None] = mapped_column(BigId)
    position: Mapped[int]
    name: Mapped[str]
    item_id: Mapped[str] = mapped_column(String(128))
    label: Mapped[str | None]
    split: Mapped[str | None] = mapped_column(String(16))
    meta: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    sha256: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))  # queued | embedded | reused | failed
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None]


class Source(Table):
    """A place that files of a collection or a dataset come from; `scan` counts the looks at it."""

    __tablename__ = "sources"
    __table_args__ = (
        UniqueConstraint("collection_id", "location"),
        UniqueConstraint("dataset_id", "location"),
        GIVEN_ONCE,
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    collection_id: Mapped[int | None] = mapped_column(
        ForeignKey("collections.id", ondelete="CASCADE")
    )
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    location: Mapped[str]  # an absolute path or a URL
    scan: Mapped[int] = mapped_column(default=0)


class SourceFile(Table):
    """A file of a source as it was when last read, and the item or example that it became."""

    __tablename__ = "source_files"
    __table_args__ = (
        UniqueConstraint("source_id", "name"),
        Index(None, "source_id", "scan"),
        Index(None, "source_id", "archive"),
        Index(None, "sha256"),
        Index(  # archives side by side may give the same id
            "ix_source_files_members",
            "source_id",
            "item_id",
            sqlite_where=text("archive <> ''"),
            postgresql_where=text("archive <> ''"),
        ),
    )
    pk: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    name: Mapped[str]  # what tells it from the source's others: its path, or a manifest's id
    archive: Mapped[str | None]  # the name of the source's file that holds it
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    stamp: Mapped[str] = mapped_column(String(200))  # changes whenever the file does
    sha256: Mapped[str | None] = mapped_column(String(64))  # null of an archive
    before_sha256: Mapped[str | None] = mapped_column(  # its item's, if these bytes are of no use
        String(64)
    )
    reference: Mapped[str | None]  # its pack's key, where nothing was copied
    item_id: Mapped[str] = mapped_column(String(128))  # empty of an archive
    scan: Mapped[int]  # the last one that saw it


class Forward(Table):
    """A content that a running shard is forwarding: nobody else forwards it meanwhile."""

    __tablename__ = "forwards"
    space_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    shard_id: Mapped[int] = mapped_column(BigId, index=True)


class Event(Table):
    """Something that happened to a job; `id` orders them and is SSE's event id."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "job_id", "id"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    type: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Outbox(Table):
    """A wake-up that the keeper still has to publish."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    shard_id: Mapped[int] = mapped_column(BigId)
    queue: Mapped[str] = mapped_column(String(32))
    due_at: Mapped[datetime] = mapped_column(default=now)


class Worker(Table):
    """A worker process and its beat counter."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[str]
    pid: Mapped[int]
    pid_started: Mapped[str]  # tells a process from a later one with the same id
    queue: Mapped[str] = mapped_column(String(32))
    beat: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(default=now)


class Lease(Table):
    """Who leads: one keeper at a time, told by a counter that moves."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str]  # a presence: a host's name alone may have 253 characters
    beat: Mapped[int]


class IdempotencyKey(Table):
    """A request that was answered with a job, to be answered the same way again."""

    __tablename__ = "idempotency_keys"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Count(Table):
    """How often something has happened since the home was made."""

    __tablename__ = "counts"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(
        String(200), primary_key=True
    )  # name=value, commas between
    value: Mapped[int] = mapped_column(BigInteger)
