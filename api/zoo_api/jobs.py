"""Jobs: asking for them, watching them, and ending them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from flask import Blueprint, Response
from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from zoo.catalog import Session, inputs
from zoo.catalog import jobs as catalog_jobs
from zoo.catalog.records import JobRecord
from zoo.errors import InvalidError
from zoo.jobs.ledger import cancel, require
from zoo.jobs.retries import retry
from zoo.jobs.specs import DESCRIBED, SUBMITTABLE, ExtractSpec, FineTuneSpec
from zoo.names import nearest, unknown
from zoo_api.accepted import ACCEPTED, ONCE_ACCEPTED, idempotent, once, recalled
from zoo_api.codes import OWN_OR_BUILT, merge
from zoo_api.contract import Json, Query, contract
from zoo_api.extracting import prepare_extract
from zoo_api.fine_tuning import prepare_fine_tune
from zoo_api.job_views import (
    InputState,
    Job,
    JobInput,
    JobState,
    input_json,
    job_json,
    jobs_json,
)
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed, read_strictly
from zoo_api.services import services

jobs = Blueprint("jobs", __name__)

UNKNOWN = {404: ("unknown_job",)}
REFUSED_RETRIES = {
    409: (
        "collection_deleted",
        "dataset_deleted",
        "job_not_ended",
        "model_deleted",
        "nothing_to_retry",
    ),
}
EXAMPLE = {
    "type": "fine_tune",
    "spec": {"dataset": "pets", "model": "lite.efficientnet_lite0", "name": "pets"},
}


@dataclass(frozen=True, kw_only=True)
class JobRequest(Closed):
    """A job as asked for."""

    type: str
    spec: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Each type with its spec."""
        specs = {
            name: handler(TypeAdapter(spec).core_schema) for name, spec in SUBMITTABLE.items()
        }
        return {
            "title": cls.__name__,
            "description": cls.__doc__,
            "type": "object",
            "required": ["type", "spec"],
            "properties": {"type": {"enum": list(specs)}, "spec": {"type": "object"}},
            "additionalProperties": False,
            "examples": [EXAMPLE],
            "oneOf": [
                {"properties": {"type": {"const": name}, "spec": spec}}
                for name, spec in specs.items()
            ],
        }


@dataclass(frozen=True, kw_only=True)
class JobsQuery(Paging):
    """Which jobs to list."""

    type: str | None = None
    state: JobState | None = None


@dataclass(frozen=True, kw_only=True)
class InputsQuery(Paging):
    """Which inputs of a job to list."""

    state: InputState | None = None


class JobType(TypedDict):
    """A type of job, how it is asked for, and the JSON Schema of its spec."""

    type: str
    submit: str
    schema: dict[str, Any]


@jobs.post("/v1/jobs")
@contract(
    ACCEPTED,
    codes=merge(
        OWN_OR_BUILT,
        {
            404: ("unknown_collection", "unknown_dataset"),
            409: ("collection_empty", "dataset_empty"),
            422: (
                "images_not_supported",
                "impossible_strategy",
                "invalid_name",
                "not_submittable",
                "text_not_supported",
                "too_few_classes",
                "too_few_images",
                "unknown_block",
                "unknown_job_type",
                "unknown_layer",
            ),
        },
    ),
)
def create_job(asked: Json[JobRequest]) -> Response:
    """Queue a job; everything that can be known is checked before."""
    if asked.type not in SUBMITTABLE:
        raise _unknown_type(asked.type)
    spec = read_strictly(SUBMITTABLE[asked.type], json.dumps(asked.spec))
    text = json.dumps([asked.type, asdict(spec)], sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return recalled(fingerprint) or idempotent(fingerprint, _prepare(spec))


@jobs.get("/v1/job-types")
@contract()
def list_types() -> Page[JobType]:
    """Every type of job that runs, with the JSON Schema of its spec."""
    return page_json([type_json(name) for name in sorted(DESCRIBED)], next_cursor=None)


@jobs.get("/v1/job-types/<name>")
@contract(codes={404: ("unknown_job_type",)})
def show_type(name: str) -> JobType:
    """One type of job."""
    if name not in DESCRIBED:
        raise unknown("job type", name, DESCRIBED)
    return type_json(name)


@jobs.get("/v1/jobs")
@contract()
def list_jobs(query: Query[JobsQuery]) -> Page[Job]:
    """Jobs, newest first, a page at a time."""
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
@contract(codes=UNKNOWN)
def show_job(job_id: str) -> Job:
    """One job as it stands."""
    with services().catalog.read() as session:
        return job_json(session, require(session, job_id))


@jobs.post("/v1/jobs/<job_id>/cancel")
@contract(ONCE_ACCEPTED, codes=merge(UNKNOWN, {409: ("job_ended",)}))
def cancel_job(job_id: str) -> Response:
    """Ask a job to stop; it must not have ended."""
    fingerprint = hashlib.sha256(f"cancel {job_id}".encode()).hexdigest()
    return once(fingerprint, lambda session: cancel(session, job_id))


@jobs.post("/v1/jobs/<job_id>/retry")
@contract(ACCEPTED, codes=merge(UNKNOWN, REFUSED_RETRIES))
def retry_job(job_id: str) -> Response:
    """A new job for what an ended one left undone."""
    fingerprint = hashlib.sha256(f"retry {job_id}".encode()).hexdigest()
    return idempotent(fingerprint, lambda session: retry(session, job_id, services().settings))


@jobs.get("/v1/jobs/<job_id>/items")
@contract(codes=UNKNOWN)
def list_inputs(job_id: str, query: Query[InputsQuery]) -> Page[JobInput]:
    """What became of each file that a job was given."""
    after = decode_cursor(query.cursor, -1)
    with services().catalog.read() as session:
        require(session, job_id)
        found = inputs.list_inputs(
            session, job_id, after=after, limit=query.limit + 1, state=query.state
        )
    page = found[: query.limit]
    more = encode_cursor(page[-1].position) if len(found) > query.limit else None
    return page_json([input_json(one) for one in page], next_cursor=more)


def type_json(name: str) -> JobType:
    """A type of job as answered."""
    schema = TypeAdapter(DESCRIBED[name]).json_schema()
    how = "POST /v1/jobs" if name in SUBMITTABLE else "POST items to a collection or dataset"
    return {"type": name, "submit": how, "schema": schema}


def _prepare(spec: ExtractSpec | FineTuneSpec) -> Callable[[Session], JobRecord]:
    return prepare_extract(spec) if isinstance(spec, ExtractSpec) else prepare_fine_tune(spec)


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
