"""Datasets, their labelled items and their immutable versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from zoo.catalog.deleted import DATASET, is_kept, take_down
from zoo.catalog.records import DatasetRecord, DatasetVersionRecord, Example, InputRecord
from zoo.catalog.rows import as_record, chunks
from zoo.catalog.tables import Dataset, DatasetItem, DatasetVersion, now


def create_dataset(session: Session, name: str, *, kind: str | None = None) -> DatasetRecord:
    """A new dataset without versions, for pictures or texts if that is said."""
    row = Dataset(name=name, kind=kind, created_at=now())
    session.add(row)
    session.flush()
    return as_record(DatasetRecord, row, version=0)


def get_dataset(session: Session, name: str) -> DatasetRecord | None:
    """A dataset by name."""
    row = session.execute(_select().where(Dataset.name == name)).one_or_none()
    return as_record(DatasetRecord, row[0], version=row[1]) if row else None


def settle_kind(session: Session, dataset_id: int, kind: str) -> str | None:
    """Whether a dataset holds pictures or texts: what was settled first; None if it is gone."""
    undecided = (Dataset.id == dataset_id, Dataset.kind.is_(None))
    session.execute(update(Dataset).where(*undecided).values(kind=kind))
    return kind_of(session, dataset_id)


def kind_of(session: Session, dataset_id: int) -> str | None:
    """Whether a dataset holds pictures or texts; None if that is open, or it is gone."""
    return session.scalar(select(Dataset.kind).where(*_is(dataset_id)))


def change_kind(session: Session, dataset_id: int, kind: str | None) -> None:
    """Say what an empty dataset will hold."""
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(kind=kind))


def has_dataset(session: Session, dataset_id: int) -> bool:
    """Whether this very dataset is there, in a write until its end; another may have its name."""
    held = select(Dataset.id).where(*_is(dataset_id))
    return session.scalar(held.with_for_update(read=True, key_share=True)) is not None


def list_datasets(session: Session, *, after: str, limit: int) -> list[DatasetRecord]:
    """Datasets in order of their names, after a name."""
    statement = _select().where(Dataset.name > after).order_by(Dataset.name).limit(limit)
    return [as_record(DatasetRecord, row[0], version=row[1]) for row in session.execute(statement)]


def dataset_names(session: Session) -> list[str]:
    """The names of all datasets."""
    return list(session.scalars(select(Dataset.name).where(is_kept(Dataset))))


def delete_dataset(session: Session, name: str) -> bool:
    """Delete a dataset with its items and versions.

    Of a large one most rows are left for `zoo.catalog.deleted.clear`.
    """
    named = select(Dataset.id).where(Dataset.name == name, is_kept(Dataset))
    found = session.scalar(named.with_for_update())
    if found is None:
        return False
    take_down(session, DATASET, found)
    return True


def lock_dataset(session: Session, dataset_id: int) -> bool:
    """Hold a dataset against those who add to it, seal or delete it; False if it is gone.

    Waits for additions that have begun, as each refers to the dataset's row until its commit.
    """
    held = select(Dataset.id).where(*_is(dataset_id)).with_for_update()
    return session.scalar(held) is not None


def put_examples(
    session: Session, dataset_id: int, given: Iterable[InputRecord | Example]
) -> None:
    """Add labelled contents that the next version will hold; the same id replaces.

    For a dataset that is held: sealed versions keep what they have. What no version holds yet is
    changed where it stands in the order, what one does comes last. What is again as the newest
    version has it is as if it had never been changed.
    """
    by_id = {one.item_id: one for one in given}
    _count_change(session, dataset_id)
    for part in chunks(sorted(by_id)):
        back = _put_back(session, dataset_id, [by_id[item_id] for item_id in part])
        chunk = [item_id for item_id in part if item_id not in back]
        held = session.scalars(
            select(DatasetItem).where(
                DatasetItem.dataset_id == dataset_id,
                DatasetItem.item_id.in_(chunk),
                DatasetItem.removed_in.is_(None),
            )
        ).all()
        stays = {
            row.item_id
            for row in held
            if row.added_in is None or _said(row) == _says(by_id[row.item_id])
        }
        for row in held:
            if row.added_in is None:
                _say(row, by_id[row.item_id])
        retire_examples(session, dataset_id, [row.pk for row in held if row.item_id not in stays])
        rows = [
            {"dataset_id": dataset_id, "item_id": item_id, **_says(by_id[item_id])}
            for item_id in chunk
            if item_id not in stays
        ]
        if rows:
            session.execute(insert(DatasetItem), rows)


def _put_back(
    session: Session, dataset_id: int, given: Sequence[InputRecord | Example]
) -> frozenset[str]:
    """Hold again what the next version was to leave out, where it is given as it was; its ids."""
    by_id = {one.item_id: one for one in given}
    mine = DatasetItem.dataset_id == dataset_id
    version = newest_version(session, dataset_id) + 1
    retired = session.scalars(
        select(DatasetItem).where(
            mine, DatasetItem.item_id.in_(by_id), DatasetItem.removed_in == version
        )
    )
    same = {row.item_id: row.pk for row in retired if _said(row) == _says(by_id[row.item_id])}
    if same:
        session.execute(
            delete(DatasetItem).where(
                mine, DatasetItem.item_id.in_(same), DatasetItem.added_in.is_(None)
            )
        )
        again = DatasetItem.pk.in_(same.values())
        session.execute(update(DatasetItem).where(again).values(removed_in=None))
    return frozenset(same)


def retire_examples(session: Session, dataset_id: int, pks: Sequence[int]) -> None:
    """Leave examples out of the next version of a dataset that is held."""
    version = newest_version(session, dataset_id) + 1
    _count_change(session, dataset_id)
    for chunk in chunks(pks):
        mine = DatasetItem.pk.in_(chunk)
        session.execute(delete(DatasetItem).where(mine, DatasetItem.added_in.is_(None)))
        session.execute(update(DatasetItem).where(mine).values(removed_in=version))


def revision_of(session: Session, dataset_id: int) -> int | None:
    """A number that grows with every change of a dataset's examples; None if it is gone."""
    return session.scalar(select(Dataset.revision).where(Dataset.id == dataset_id))


def _count_change(session: Session, dataset_id: int) -> None:
    this = update(Dataset).where(Dataset.id == dataset_id)
    session.execute(this.values(revision=Dataset.revision + 1))


def newest_version(session: Session, dataset_id: int) -> int:
    """The number of the newest sealed version, 0 before the first."""
    newest = select(func.max(DatasetVersion.version)).where(
        DatasetVersion.dataset_id == dataset_id
    )
    return session.scalar(newest) or 0


def _says(one: InputRecord | Example) -> dict[str, Any]:
    """What is said of an example, by the columns that keep it."""
    return {
        "name": one.name,
        "label": one.label,
        "split": one.split,
        "meta": dict(one.metadata),
        "sha256": one.sha256,
    }


def _say(row: DatasetItem, one: InputRecord | Example) -> None:
    for name, value in _says(one).items():
        setattr(row, name, value)


def _said(row: DatasetItem) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("name", "label", "split", "meta", "sha256")}


def seal_version(
    session: Session,
    dataset_id: int,
    *,
    job_id: str | None,
    digest: str,
    labels: Mapping[str, int],
) -> int:
    """Make the next version of everything that the dataset holds now; returns its number.

    For a dataset that was locked before `digest` and `labels` were counted.
    """
    version = newest_version(session, dataset_id) + 1
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


def list_versions(
    session: Session, name: str, *, before: int, limit: int
) -> list[DatasetVersionRecord]:
    """Versions of a dataset below a number, the newest first."""
    rows = session.scalars(
        select(DatasetVersion)
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .where(Dataset.name == name, DatasetVersion.version < before)
        .order_by(DatasetVersion.version.desc())
        .limit(limit)
    )
    return [as_record(DatasetVersionRecord, row, dataset=name) for row in rows]


def list_examples(session: Session, dataset_id: int, *, version: int | None) -> list[Example]:
    """The labelled contents of a version, or with None of the version to come, by content."""
    statement = (
        select(  # as columns: there may be hundreds of thousands
            DatasetItem.item_id,
            DatasetItem.name,
            DatasetItem.label,
            DatasetItem.split,
            DatasetItem.sha256,
            DatasetItem.meta,
        )
        .where(DatasetItem.dataset_id == dataset_id, is_in(version))
        .order_by(DatasetItem.sha256, DatasetItem.item_id)
    )
    return [
        Example(
            item_id=item_id, name=name, label=label, split=split, sha256=sha256, metadata=metadata
        )
        for item_id, name, label, split, sha256, metadata in session.execute(statement)
    ]


def count_labels(session: Session, dataset_id: int, *, version: int) -> dict[str, int]:
    """How many examples of each label a version holds."""
    rows = session.execute(
        select(DatasetItem.label, func.count())
        .where(DatasetItem.dataset_id == dataset_id, is_in(version))
        .group_by(DatasetItem.label)
        .order_by(DatasetItem.label)
    )
    return dict(rows.all())


def is_in(version: int | None, examples: type[DatasetItem] = DatasetItem) -> ColumnElement[bool]:
    """Whether a version has an example, with None the version to come."""
    if version is None:
        return examples.removed_in.is_(None)
    stays = or_(examples.removed_in.is_(None), examples.removed_in > version)
    return and_(examples.added_in <= version, stays)


def _select() -> Select[Dataset, int]:
    newest = (
        select(func.coalesce(func.max(DatasetVersion.version), 0))
        .where(DatasetVersion.dataset_id == Dataset.id)
        .scalar_subquery()
    )
    return select(Dataset, newest).where(is_kept(Dataset))


def _is(dataset_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Dataset.id == dataset_id, is_kept(Dataset)
