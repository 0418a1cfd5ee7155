"""Datasets: labelled items for training, sealed in immutable versions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import MaxLen
from flask import Blueprint, Response
from typing_extensions import TypedDict

from zoo.catalog import Session
from zoo.catalog import datasets as catalog_datasets
from zoo.catalog.records import DatasetRecord, DatasetVersionRecord, JobRecord
from zoo.errors import ConflictError, NotFoundError
from zoo.jobs.intake import Arrival, Delivery, submit_ingest, submit_source
from zoo.jobs.specs import IngestSpec
from zoo.names import unknown
from zoo_api.accepted import ACCEPTED, idempotent
from zoo_api.codes import merge
from zoo_api.contract import Json, OwnName, Query, contract
from zoo_api.deliveries import FilesOrJson, Incoming
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed
from zoo_api.services import services
from zoo_api.sources import SOURCES, SourceRequest, fingerprint_of, open_source

datasets = Blueprint("datasets", __name__)

UNKNOWN = {404: ("unknown_dataset",)}
NO_LABEL = "the file has no label; send a form field 'label', or an archive of labelled folders"


@dataclass(frozen=True, kw_only=True)
class DatasetRequest(Closed):
    """A dataset is made with nothing but its name."""


@dataclass(frozen=True, kw_only=True)
class ExamplesOptions(Closed):
    """What may stand beside the files."""

    name: str | None = None  # of the file, where it is the bare body
    label: Annotated[str, MaxLen(1000)] | None = None  # of every file that is no archive


class Dataset(TypedDict):
    """A dataset with its newest version, null until files are in."""

    name: str
    version: int | None
    items: int
    labels: dict[str, int]
    created_at: Instant


class DatasetVersion(TypedDict):
    """An immutable version of a dataset."""

    dataset: str
    version: int
    digest: str
    items: int
    labels: dict[str, int]
    job_id: str
    created_at: Instant


@datasets.put("/v1/datasets/<name>")
@contract(statuses=(200, 201))
def create_dataset(
    name: Annotated[str, OwnName("dataset")], _wanted: Json[DatasetRequest]
) -> tuple[Dataset, int]:
    """Create a dataset (201), or answer the one that is there (200)."""

    def put(session: Session) -> tuple[Dataset, int]:
        known = catalog_datasets.get_dataset(session, name)
        dataset = known or catalog_datasets.create_dataset(session, name)
        return dataset_json(session, dataset), 200 if known else 201

    return services().catalog.transact(put)


@datasets.get("/v1/datasets")
@contract()
def list_datasets(paging: Query[Paging]) -> Page[Dataset]:
    """Datasets by name, a page at a time."""
    after = decode_cursor(paging.cursor, "")
    with services().catalog.read() as session:
        found = catalog_datasets.list_datasets(session, after=after, limit=paging.limit + 1)
        page = found[: paging.limit]
        rows = [dataset_json(session, dataset) for dataset in page]
    more = encode_cursor(page[-1].name) if len(found) > paging.limit else None
    return page_json(rows, next_cursor=more)


@datasets.get("/v1/datasets/<name>")
@contract(codes=UNKNOWN)
def show_dataset(name: str) -> Dataset:
    """One dataset with its newest version."""
    with services().catalog.read() as session:
        return dataset_json(session, require_dataset(session, name))


@datasets.delete("/v1/datasets/<name>")
@contract(codes=UNKNOWN)
def delete_dataset(name: str) -> None:
    """Delete a dataset with its versions; model versions keep its digest in their lineage."""
    with services().catalog.write() as session:
        require_dataset(session, name)
        catalog_datasets.delete_dataset(session, name)


@datasets.post("/v1/datasets/<name>/items")
@contract(ACCEPTED, codes=merge(UNKNOWN, SOURCES))
def send_examples(
    name: str, body: FilesOrJson[SourceRequest, Incoming[ExamplesOptions]]
) -> Response:
    """Take labelled files in, or read a source; the job's end seals the next version."""
    with services().catalog.read() as session:
        require_dataset(session, name)
    if isinstance(body, SourceRequest):
        return _read_source(name, body)
    options, received = body.receive()
    delivery = _labelled(received.delivery, options.label)

    def submit(session: Session) -> JobRecord:
        dataset = require_dataset(session, name)
        return submit_ingest(
            session,
            IngestSpec(dataset=name),
            delivery,
            work={"dataset_id": dataset.id},
            settings=services().settings,
        )

    return idempotent(received.fingerprint, submit)


@datasets.get("/v1/datasets/<name>/versions/<version:number>")
@contract(codes={404: ("unknown_dataset", "unknown_version")})
def show_dataset_version(name: str, number: int) -> DatasetVersion:
    """One dataset version."""
    with services().catalog.read() as session:
        dataset = require_dataset(session, name)
        return version_json(require_dataset_version(session, dataset, number))


def require_dataset(session: Session, name: str) -> DatasetRecord:
    """A dataset by name, or `NotFoundError` with the nearest."""
    found = catalog_datasets.get_dataset(session, name)
    if found is None:
        raise unknown("dataset", name, catalog_datasets.dataset_names(session))
    return found


def require_filled(session: Session, name: str) -> DatasetRecord:
    """A dataset that has a version, or `NotFoundError`, `ConflictError`."""
    dataset = require_dataset(session, name)
    if dataset.version:
        return dataset
    raise ConflictError(
        f"dataset {name!r} has no items yet; send some and wait for their job",
        code="dataset_empty",
    )


def require_dataset_version(
    session: Session, dataset: DatasetRecord, number: int
) -> DatasetVersionRecord:
    """A sealed version by its number, or `NotFoundError`."""
    found = catalog_datasets.get_version(session, dataset.name, number)
    if found is None:
        raise NotFoundError(
            f"no version {number} of dataset {dataset.name!r}; its newest is {dataset.version}",
            code="unknown_version",
        )
    return found


def dataset_json(session: Session, dataset: DatasetRecord) -> Dataset:
    """A dataset as answered."""
    newest = catalog_datasets.get_version(session, dataset.name, dataset.version)
    return {
        "name": dataset.name,
        "version": dataset.version or None,
        "items": newest.n_items if newest else 0,
        "labels": dict(newest.labels) if newest else {},
        "created_at": instant(dataset.created_at),
    }


def version_json(version: DatasetVersionRecord) -> DatasetVersion:
    """A dataset version as answered."""
    return {
        "dataset": version.dataset,
        "version": version.version,
        "digest": version.digest,
        "items": version.n_items,
        "labels": dict(version.labels),
        "job_id": version.job_id,
        "created_at": instant(version.created_at),
    }


def _read_source(name: str, wanted: SourceRequest) -> Response:
    open_source(wanted.source)
    spec = IngestSpec(dataset=name, source=wanted.source)

    def submit(session: Session) -> JobRecord:
        return submit_source(session, spec, work={"dataset_id": require_dataset(session, name).id})

    return idempotent(fingerprint_of(wanted), submit)


def _labelled(delivery: Delivery, label: str | None) -> Delivery:
    return replace(delivery, arrivals=[_with_label(one, label) for one in delivery.arrivals])


def _with_label(arrival: Arrival, label: str | None) -> Arrival:
    if arrival.error:
        return arrival
    if label:
        return replace(arrival, label=label)
    return replace(arrival, sha256=None, error=("no_label", NO_LABEL))
