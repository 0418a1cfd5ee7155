"""Datasets: labelled items for training, sealed in immutable versions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, cast

from flask import Blueprint
from typing_extensions import TypedDict

from zoo.backbone import IMAGE, TEXT
from zoo.catalog import Session, examples
from zoo.catalog import datasets as catalog_datasets
from zoo.catalog.records import DatasetRecord, DatasetVersionRecord
from zoo.errors import ConflictError, NotFoundError
from zoo.names import unknown
from zoo_api.contract import Json, OwnName, Query, contract
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed, closed
from zoo_api.services import services

datasets = Blueprint("datasets", __name__)

UNKNOWN = {404: ("unknown_dataset",)}
Kind = Literal["image", "text"]
PLURAL = {IMAGE: "pictures", TEXT: "texts"}


@dataclass(frozen=True, kw_only=True)
class DatasetRequest(Closed):
    """What a dataset holds, if it should be settled before the first files are in."""

    __pydantic_config__ = closed(examples=[{}, {"kind": "text"}])

    kind: Kind | None = None


class Dataset(TypedDict):
    """A dataset with its newest version, null until files are in.

    `changes` counts what the next version will add to it, change or leave out.
    """

    name: str
    kind: Kind | None
    version: int | None
    items: int
    labels: dict[str, int]
    changes: int
    created_at: Instant


@datasets.put("/v1/datasets/<name>")
@contract(statuses=(200, 201), codes={409: ("dataset_exists",)})
def create_dataset(
    name: Annotated[str, OwnName("dataset")], wanted: Json[DatasetRequest]
) -> tuple[Dataset, int]:
    """Create a dataset (201), or answer the one that is there (200).

    One that holds nothing yet becomes of the kind that is asked for.
    """

    def put(session: Session) -> tuple[Dataset, int]:
        known = catalog_datasets.get_dataset(session, name)
        if known is not None and wanted.kind not in (None, known.kind):
            known = _of_kind(session, known, wanted.kind)
        dataset = known or catalog_datasets.create_dataset(session, name, kind=wanted.kind)
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


def hold_dataset(session: Session, name: str) -> DatasetRecord:
    """A dataset that nobody else changes until the commit, or `NotFoundError`."""
    dataset = require_dataset(session, name)
    catalog_datasets.lock_dataset(session, dataset.id)
    return dataset


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
        "kind": cast("Kind | None", dataset.kind),
        "version": dataset.version or None,
        "items": newest.n_items if newest else 0,
        "labels": dict(newest.labels) if newest else {},
        "changes": examples.count_changes(session, dataset.id),
        "created_at": instant(dataset.created_at),
    }


def _of_kind(session: Session, known: DatasetRecord, kind: Kind | None) -> DatasetRecord:
    if examples.has_any(session, known.id):
        raise ConflictError(
            f"dataset {known.name!r} holds {PLURAL[known.kind or IMAGE]}; "
            "make another for the others",
            code="dataset_exists",
        )
    catalog_datasets.change_kind(session, known.id, kind)
    return replace(known, kind=kind)
