"""Versions of datasets: sealed, listed, and compared with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.catalog import Session
from zoo.catalog import datasets as catalog_datasets
from zoo.catalog import examples as catalog_examples
from zoo.catalog.records import DatasetRecord, DatasetVersionRecord, Difference, Example
from zoo.errors import ConflictError
from zoo.jobs.sealing import Sealable, look_at, seal
from zoo.jobs.validation import Finding, Severity, look_through
from zoo_api.contract import Query, contract
from zoo_api.datasets import UNKNOWN, hold_dataset, require_dataset, require_dataset_version
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed
from zoo_api.services import services

dataset_versions = Blueprint("dataset_versions", __name__)

UNKNOWN_VERSION = {404: ("unknown_dataset", "unknown_version")}
NO_VERSION = 2**31 - 1
"""A number that no version reaches, and every database can hold."""
FIRST = 20
"""Examples that a comparison shows of each kind."""


@dataclass(frozen=True, kw_only=True)
class DiffQuery(Closed):
    """Which version to compare with: by itself the one before."""

    LISTED = frozenset()

    old: Annotated[int, Ge(0), Le(999_999_999)] | None = None


class DatasetVersion(TypedDict):
    """An immutable version of a dataset; `job_id` is null if it was sealed by a request."""

    dataset: str
    version: int
    digest: str
    items: int
    labels: dict[str, int]
    job_id: str | None
    created_at: Instant


class Said(TypedDict):
    """What is said of an example in one version."""

    name: str
    label: str
    split: str | None
    sha256: str


class Changed(TypedDict):
    """An example as it was and as it is; null where it was not, or is not."""

    id: str
    before: Said | None
    after: Said | None


class Changes(TypedDict):
    """Examples that differ in one way: how many, and the first twenty."""

    count: int
    first: list[Changed]


class Diff(TypedDict):
    """What differs from one version to another, by kind; one example may be in several.

    `replaced` have other contents under the same id, `described` another name or metadata.
    """

    dataset: str
    old: int
    new: int
    added: Changes
    removed: Changes
    relabelled: Changes
    moved: Changes
    replaced: Changes
    described: Changes
    labels: dict[str, int]


class FindingView(TypedDict):
    """Something to mend in a version; with an error nothing can be trained on it."""

    code: str
    severity: Severity
    detail: str
    advice: str
    count: int
    examples: list[str]


class Validation(TypedDict):
    """What is wrong with a version, errors first."""

    dataset: str
    version: int
    is_trainable: bool
    findings: list[FindingView]


@dataset_versions.get("/v1/datasets/<name>/versions")
@contract(codes=UNKNOWN)
def list_dataset_versions(name: str, paging: Query[Paging]) -> Page[DatasetVersion]:
    """A dataset's versions, newest first, a page at a time."""
    before = decode_cursor(paging.cursor, NO_VERSION)
    with services().catalog.read() as session:
        require_dataset(session, name)
        found = catalog_datasets.list_versions(
            session, name, before=before, limit=paging.limit + 1
        )
    page = found[: paging.limit]
    more = encode_cursor(page[-1].version) if len(found) > paging.limit else None
    return page_json([version_json(one) for one in page], next_cursor=more)


@dataset_versions.post("/v1/datasets/<name>/versions")
@contract(statuses=(200, 201), codes={404: ("unknown_dataset",), 409: ("dataset_empty",)})
def seal_dataset_version(name: str) -> tuple[DatasetVersion, int]:
    """Seal what was changed since the newest version as the next (201); else that one (200)."""
    with services().catalog.read() as session:
        dataset_id = require_dataset(session, name).id
        has_changed = catalog_examples.count_changes(session, dataset_id) > 0
        seen = look_at(session, dataset_id) if has_changed else None
    return services().catalog.transact(lambda session: _sealed(session, name, seen))


@dataset_versions.get("/v1/datasets/<name>/versions/<version:number>")
@contract(codes=UNKNOWN_VERSION)
def show_dataset_version(name: str, number: int) -> DatasetVersion:
    """One dataset version."""
    with services().catalog.read() as session:
        _, version = require_version(session, name, number)
    return version_json(version)


@dataset_versions.get("/v1/datasets/<name>/versions/<version:number>/diff")
@contract(codes=UNKNOWN_VERSION)
def compare_dataset_versions(name: str, number: int, query: Query[DiffQuery]) -> Diff:
    """What a version adds to an earlier one, leaves out and changes; 0 is the empty one."""
    with services().catalog.read() as session:
        dataset, new = require_version(session, name, number)
        old = number - 1 if query.old is None else query.old
        before = require_dataset_version(session, dataset, old).labels if old else {}
        found = catalog_examples.compare_versions(
            session, dataset.id, old=old, new=number, limit=FIRST
        )
    labels = {
        label: new.labels.get(label, 0) - before.get(label, 0)
        for label in sorted({*new.labels, *before})
    }
    return {
        "dataset": name,
        "old": old,
        "new": number,
        "added": _changes(found["added"]),
        "removed": _changes(found["removed"]),
        "relabelled": _changes(found["relabelled"]),
        "moved": _changes(found["moved"]),
        "replaced": _changes(found["replaced"]),
        "described": _changes(found["described"]),
        "labels": {label: more for label, more in labels.items() if more},
    }


@dataset_versions.get("/v1/datasets/<name>/versions/<version:number>/validation")
@contract(codes=UNKNOWN_VERSION)
def validate_dataset_version(name: str, number: int) -> Validation:
    """What is wrong with a version, and what to do; nothing is read or forwarded for it."""
    with services().catalog.read() as session:
        dataset, version = require_version(session, name, number)
        found = look_through(session, dataset.id, version)
    return {
        "dataset": name,
        "version": number,
        "is_trainable": all(one.severity != "error" for one in found),
        "findings": [_finding_json(one) for one in found],
    }


def require_version(
    session: Session, name: str, number: int
) -> tuple[DatasetRecord, DatasetVersionRecord]:
    """A dataset and its sealed version, or `NotFoundError`."""
    dataset = require_dataset(session, name)
    return dataset, require_dataset_version(session, dataset, number)


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


def _finding_json(finding: Finding) -> FindingView:
    return {
        "code": finding.kind,
        "severity": finding.severity,
        "detail": finding.detail,
        "advice": finding.advice,
        "count": finding.count,
        "examples": list(finding.examples),
    }


def _sealed(session: Session, name: str, seen: Sealable | None) -> tuple[DatasetVersion, int]:
    dataset = hold_dataset(session, name)
    number = catalog_datasets.newest_version(session, dataset.id)
    status = 200
    if catalog_examples.count_changes(session, dataset.id):
        _check_left(session, dataset)
        number, status = seal(session, dataset.id, seen, job_id=None), 201
    elif not number:
        raise _empty(dataset)
    return version_json(require_dataset_version(session, dataset, number)), status


def _check_left(session: Session, dataset: DatasetRecord) -> None:
    if not catalog_examples.page_of_examples(session, dataset.id, version=None, after=0, limit=1):
        raise _empty(dataset)


def _empty(dataset: DatasetRecord) -> ConflictError:
    return ConflictError(
        f"dataset {dataset.name!r} holds nothing that a version could be made of; send some items",
        code="dataset_empty",
    )


def _changes(difference: Difference) -> Changes:
    return {"count": difference.count, "first": _first(difference.first)}


def _first(pairs: Sequence[tuple[Example | None, Example | None]]) -> list[Changed]:
    return [
        {
            "id": (before or after).item_id,  # type: ignore[union-attr]  # one of them is there
            "before": _said(before) if before else None,
            "after": _said(after) if after else None,
        }
        for before, after in pairs
    ]


def _said(example: Example) -> Said:
    return {
        "name": example.name,
        "label": example.label,
        "split": example.split,
        "sha256": example.sha256,
    }
