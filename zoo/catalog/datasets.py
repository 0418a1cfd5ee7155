"""Datasets, their labelled items and their immutable versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import DatasetRecord, DatasetVersionRecord, Example, InputRecord
from zoo.catalog.rows import as_record, upsert
from zoo.catalog.tables import Dataset, DatasetItem, DatasetVersion, now


def create_dataset(session: Session, name: str) -> DatasetRecord:
    """A new dataset without versions."""
    row = Dataset(name=name, created_at=now())
    session.add(row)
    session.flush()
    return as_record(DatasetRecord, row, version=0)


def get_dataset(session: Session, name: str) -> DatasetRecord | None:
    """A dataset by name."""
    row = session.execute(_select().where(Dataset.name == name)).one_or_none()
    return as_record(DatasetRecord, row[0], version=row[1]) if row else None


def has_dataset(session: Session, dataset_id: int) -> bool:
    """Whether this very dataset is there, in a write until its end; another may have its name."""
    held = select(Dataset.id).where(Dataset.id == dataset_id)
    return session.scalar(held.with_for_update(read=True, key_share=True)) is not None


def list_datasets(session: Session, *, after: str, limit: int) -> list[DatasetRecord]:
    """Datasets in order of their names, after a name."""
    statement = _select().where(Dataset.name > after).order_by(Dataset.name).limit(limit)
    return [as_record(DatasetRecord, row[0], version=row[1]) for row in session.execute(statement)]


def dataset_names(session: Session) -> list[str]:
    """The names of all datasets."""
    return list(session.scalars(select(Dataset.name)))


def delete_dataset(session: Session, name: str) -> bool:
    """Delete a dataset with its items and versions."""
    row = session.scalar(select(Dataset).where(Dataset.name == name).with_for_update())
    if row is None:
        return False
    session.execute(delete(DatasetItem).where(DatasetItem.dataset_id == row.id))
    session.execute(delete(DatasetVersion).where(DatasetVersion.dataset_id == row.id))
    session.execute(delete(Dataset).where(Dataset.id == row.id))
    return True


def lock_dataset(session: Session, dataset_id: int) -> bool:
    """Hold a dataset against those who add to it, seal or delete it; False if it is gone.

    Waits for additions that have begun, as each refers to the dataset's row until its commit.
    """
    held = select(Dataset.id).where(Dataset.id == dataset_id).with_for_update()
    return session.scalar(held) is not None


def put_examples(session: Session, dataset_id: int, inputs: Iterable[InputRecord]) -> None:
    """Add labelled contents that the next version will hold."""
    rows = [
        {
            "dataset_id": dataset_id,
            "item_id": given.item_id,
            "name": given.name,
            "label": given.label,
            "split": given.split,
            "sha256": given.sha256,
        }
        for given in inputs
    ]
    upsert(session, DatasetItem, rows, key=["dataset_id", "item_id"], update=["name"])


def seal_version(
    session: Session, dataset_id: int, *, job_id: str, digest: str, labels: Mapping[str, int]
) -> int:
    """Make the next version of everything that the dataset holds now; returns its number.

    For a dataset that was locked before `digest` and `labels` were counted.
    """
    newest = select(func.max(DatasetVersion.version)).where(
        DatasetVersion.dataset_id == dataset_id
    )
    version = (session.scalar(newest) or 0) + 1
    session.execute(
        update(DatasetItem)
        .where(DatasetItem.dataset_id == dataset_id, DatasetItem.added_in.is_(None))
        .values(added_in=version)
    )
    session.add(
        DatasetVersion(
            dataset_id=dataset_id,
            version=version,
            digest=digest,
            n_items=sum(labels.values()),
            labels=dict(labels),
            job_id=job_id,
        )
    )
    return version


def get_version(session: Session, name: str, version: int) -> DatasetVersionRecord | None:
    """A dataset version."""
    row = session.scalar(
        select(DatasetVersion)
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .where(Dataset.name == name, DatasetVersion.version == version)
    )
    return as_record(DatasetVersionRecord, row, dataset=name) if row else None


def list_examples(session: Session, dataset_id: int, *, version: int | None) -> list[Example]:
    """The labelled contents of a version, or with None of the version to come, by content."""
    statement = select(DatasetItem).where(DatasetItem.dataset_id == dataset_id)
    if version is not None:
        statement = statement.where(DatasetItem.added_in <= version)
    ordered = statement.order_by(DatasetItem.sha256, DatasetItem.item_id)
    return [as_record(Example, row) for row in session.scalars(ordered)]


def count_labels(session: Session, dataset_id: int, *, version: int) -> dict[str, int]:
    """How many examples of each label a version holds."""
    rows = session.execute(
        select(DatasetItem.label, func.count())
        .where(DatasetItem.dataset_id == dataset_id, DatasetItem.added_in <= version)
        .group_by(DatasetItem.label)
        .order_by(DatasetItem.label)
    )
    return dict(rows.all())


def _select() -> Select[Dataset, int]:
    newest = (
        select(func.coalesce(func.max(DatasetVersion.version), 0))
        .where(DatasetVersion.dataset_id == Dataset.id)
        .scalar_subquery()
    )
    return select(Dataset, newest)
