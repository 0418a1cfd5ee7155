"""Jobs: asking for them, watching them, and ending them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from flask import Blueprint, Response
from pydantic import TypeAdapter

from zoo.catalog import Session, features, inputs
from zoo.catalog import jobs as catalog_jobs
from zoo.catalog.records import DatasetVersionRecord, JobRecord, ModelRecord
from zoo.errors import ConflictError, InvalidError
from zoo.jobs.intake import retry, submit_fine_tune
from zoo.jobs.ledger import cancel, require
from zoo.jobs.specs import DESCRIBED, SUBMITTABLE, FineTuneSpec
from zoo.names import check_own_name, nearest, unknown
from zoo.predictor import BackboneDetail
from zoo_api.accepted import idempotent, once
from zoo_api.backbones import ready_backbone
from zoo_api.datasets import require_dataset, require_dataset_version
from zoo_api.job_views import input_json, job_json, jobs_json
from zoo_api.paging import Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import read_json, read_query, validated
from zoo_api.services import services

jobs = Blueprint("jobs", __name__)

JobState = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """A job as asked for."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    type: str
    spec: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobsQuery(Paging):
    """Which jobs to list."""

    type: str | None = None
    state: JobState | None = None


@dataclass(frozen=True, kw_only=True)
class InputsQuery(Paging):
    """Which inputs of a job to list."""

    state: Literal["queued", "embedded", "reused", "failed"] | None = None


@jobs.post("/v1/jobs")
def create_job() -> Response:
    """Queue a job; everything that can be known is checked before."""
    asked = read_json(JobRequest)
    if asked.type not in SUBMITTABLE:
        raise _unknown_type(asked.type)
    spec = validated(SUBMITTABLE[asked.type], asked.spec)
    check_own_name("model", spec.name)
    with services().catalog.read() as session:
        _dataset_version(session, spec)
    backbone, detail = ready_backbone(spec.model)
    text = json.dumps([asked.type, asdict(spec)], sort_keys=True)

    def submit(session: Session) -> JobRecord:
        return _submit(session, spec, backbone, detail)

    return idempotent(hashlib.sha256(text.encode()).hexdigest(), submit)


@jobs.get("/v1/job-types")
def list_types() -> dict[str, object]:
    """Every type of job that runs, with the JSON Schema of its spec."""
    return page_json([type_json(name) for name in sorted(DESCRIBED)], next_cursor=None)


@jobs.get("/v1/job-types/<name>")
def show_type(name: str) -> dict[str, object]:
    """One type of job."""
    if name not in DESCRIBED:
        raise unknown("job type", name, DESCRIBED)
    return type_json(name)


@jobs.get("/v1/jobs")
def list_jobs() -> dict[str, object]:
    """Jobs, newest first, a page at a time."""
    query = read_query(JobsQuery)
    before = decode_cursor(query.cursor, "")
    with services().catalog.read() as session:
        found = catalog_jobs.list_jobs(
            session, before=before, limit=query.limit + 1, job_type=query.type, state=query.state
        )
        page = found[: query.limit]
        rows = jobs_json(session, page)
    more = encode_cursor(page[-1].id) if len(found) > query.limit else None
    return page_json(rows, next_cursor=more)


@jobs.get("/v1/jobs/<job_id>")
def show_job(job_id: str) -> dict[str, object]:
    """One job as it stands."""
    with services().catalog.read() as session:
        return job_json(session, require(session, job_id))


@jobs.post("/v1/jobs/<job_id>/cancel")
def cancel_job(job_id: str) -> Response:
    """Ask a job to stop; 409 if it has ended."""
    fingerprint = hashlib.sha256(f"cancel {job_id}".encode()).hexdigest()
    return once(fingerprint, lambda session: cancel(session, job_id))


@jobs.post("/v1/jobs/<job_id>/retry")
def retry_job(job_id: str) -> Response:
    """A new job for what an ended one left undone; 409 if nothing was."""
    fingerprint = hashlib.sha256(f"retry {job_id}".encode()).hexdigest()
    return idempotent(fingerprint, lambda session: retry(session, job_id, services().settings))


@jobs.get("/v1/jobs/<job_id>/items")
def list_inputs(job_id: str) -> dict[str, object]:
    """What became of each file that a job was given."""
    query = read_query(InputsQuery)
    after = decode_cursor(query.cursor, -1)
    with services().catalog.read() as session:
        require(session, job_id)
        found = inputs.list_inputs(
            session, job_id, after=after, limit=query.limit + 1, state=query.state
        )
    page = found[: query.limit]
    more = encode_cursor(page[-1].position) if len(found) > query.limit else None
    return page_json([input_json(one) for one in page], next_cursor=more)


def type_json(name: str) -> dict[str, object]:
    """A type of job as answered."""
    schema = TypeAdapter(DESCRIBED[name]).json_schema()
    how = "POST /v1/jobs" if name in SUBMITTABLE else "POST items to a collection or dataset"
    return {"type": name, "submit": how, "schema": schema}


def _submit(
    session: Session, spec: FineTuneSpec, backbone: ModelRecord, detail: BackboneDetail
) -> JobRecord:
    version, dataset_id = _dataset_version(session, spec)
    space_id = detail.space.space_id
    features.add_space(
        session,
        space_id,
        model=backbone.name,
        dim=detail.dim,
        description=asdict(detail.space),
    )
    work = {
        "dataset_id": dataset_id,
        "dataset_version": version.version,
        "backbone": backbone.name,
        "model": backbone.name,
        "space_id": space_id,
        "dim": detail.dim,
        "weights_hash": detail.weights_hash,
        "is_random": bool(backbone.card.get("is_random")),
    }
    return submit_fine_tune(session, spec, work=work)


def _dataset_version(session: Session, spec: FineTuneSpec) -> tuple[DatasetVersionRecord, int]:
    dataset = require_dataset(session, spec.dataset)
    if not dataset.version:
        raise ConflictError(
            f"dataset {spec.dataset!r} has no items yet; send some and wait for their job",
            code="dataset_empty",
        )
    version = require_dataset_version(session, dataset, spec.dataset_version or dataset.version)
    if len(version.labels) > 1:
        return version, dataset.id
    raise InvalidError(
        f"dataset {spec.dataset!r} has one label only, {next(iter(version.labels))!r}; "
        "a classifier needs at least two",
        code="too_few_classes",
        field="dataset",
    )


def _unknown_type(name: str) -> InvalidError:
    if name in DESCRIBED:
        return InvalidError(
            f"jobs of type {name!r} are made by sending items, not by POST /v1/jobs",
            code="not_submittable",
            field="type",
        )
    close = nearest(name, SUBMITTABLE) or sorted(SUBMITTABLE)
    return InvalidError(
        f"no job type {name!r}; did you mean {' or '.join(map(repr, close))}?",
        code="unknown_job_type",
        field="type",
    )
