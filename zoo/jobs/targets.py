"""The collections and datasets that a job is about: they may be deleted while it waits or runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zoo.catalog import Session, collections, datasets
from zoo.catalog.records import JobRecord
from zoo.errors import NotFoundError


@dataclass(frozen=True, kw_only=True)
class _Named:
    """A member of a job's work that holds an id, and where its spec has the name."""

    member: str
    kind: str
    is_there: Callable[[Session, int], bool]
    at: tuple[str, ...]


_NAMED = (
    _Named(
        member="collection_id",
        kind="collection",
        is_there=collections.has_collection,
        at=("collection",),
    ),
    _Named(
        member="from_collection_id",
        kind="collection",
        is_there=collections.has_collection,
        at=("source", "collection"),
    ),
    _Named(
        member="dataset_id",
        kind="dataset",
        is_there=datasets.has_dataset,
        at=("dataset",),
    ),
)


def check_targets(session: Session, job: JobRecord) -> None:
    """See that all of them are there, as in a write they then are until its end.

    By their ids, which are given once: another may have the name by now. Raises `NotFoundError`
    with code `collection_deleted` or `dataset_deleted`.
    """
    for one in _NAMED:
        found = job.work.get(one.member)
        if found is None or one.is_there(session, int(found)):
            continue
        raise NotFoundError(
            f"{one.kind} {_name(job, one)!r} was deleted before the job was done with it",
            code=f"{one.kind}_deleted",
        )


def _name(job: JobRecord, named: _Named) -> str:
    found: object = job.spec
    for member in named.at:
        found = found.get(member) if isinstance(found, dict) else None
    return str(found)
