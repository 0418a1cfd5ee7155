"""Sources: the places that files come from, and each file as it was when it was last read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, case, delete, select, update
from sqlalchemy.orm import Session

from zoo.catalog import contents, datasets
from zoo.catalog.records import KnownFileRecord, SourceFileRecord, SourceRecord
from zoo.catalog.rows import as_record, changed, chunks, insert_new, upsert
from zoo.catalog.tables import DatasetItem, Item
from zoo.catalog.work_tables import Source, SourceFile

READ_ANEW = ["archive", "size_bytes", "stamp", "sha256", "reference", "scan"]
"""What of a file's row is written again when the file is."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a source fills: a collection or a dataset, by its id."""

    collection_id: int | None = None
    dataset_id: int | None = None

    @property
    def column(self) -> str:
        """The column that names it."""
        return "dataset_id" if self.collection_id is None else "collection_id"

    def holds(self) -> ColumnElement[bool]:
        """Whether it has a source file's item, still with that file's content."""
        if self.collection_id is None:
            example = select(DatasetItem.pk).where(
                DatasetItem.dataset_id == self.dataset_id,
                DatasetItem.item_id == SourceFile.item_id,
                DatasetItem.sha256 == SourceFile.sha256,
                DatasetItem.removed_in.is_(None),
            )
            return example.exists()
        item = select(Item.pk).where(
            Item.collection_id == self.collection_id,
            Item.item_id == SourceFile.item_id,
            Item.sha256 == SourceFile.sha256,
            Item.is_deleted.is_(False),
        )
        return item.exists()


@dataclass(frozen=True, kw_only=True)
class GoneFile:
    """A file that is not there any more, with the content that it had."""

    pk: int
    sha256: str | None


def begin_scan(session: Session, target: Target, location: str) -> SourceRecord:
    """Begin a look at a source, which is made if the target knows none at this place."""
    row = {**asdict(target), "location": location, "scan": 0}
    insert_new(session, Source, [row], key=[target.column, "location"])
    column = getattr(Source, target.column)
    mine = (column == getattr(target, target.column), Source.location == location)
    session.execute(update(Source).where(*mine).values(scan=Source.scan + 1))
    found = session.execute(select(Source.id, Source.scan).where(*mine)).one()
    return as_record(SourceRecord, found)


def known_files(
    session: Session, source_id: int, target: Target, names: Iterable[str]
) -> dict[str, KnownFileRecord]:
    """What earlier looks have left of these files of a source, by name."""
    found = {}
    for chunk in chunks(names):
        rows = session.execute(
            select(SourceFile, target.holds()).where(
                SourceFile.source_id == source_id, SourceFile.name.in_(chunk)
            )
        )
        found.update(
            {row.name: as_record(KnownFileRecord, row, is_there=there) for row, there in rows}
        )
    return found


def is_whole(session: Session, source_id: int, target: Target, archive: str) -> bool:
    """Whether every file that came from an archive of a source still has its item."""
    lost = (
        select(SourceFile.pk)
        .where(SourceFile.source_id == source_id, SourceFile.archive == archive)
        .where(~target.holds())
        .limit(1)
    )
    return session.scalar(lost) is None


def note_files(
    session: Session, source: SourceRecord, files: Sequence[SourceFileRecord]
) -> dict[str, str]:
    """Keep files as they were read; returns the id of each one's item, by name.

    That is the id which the file has had from its first reading on, or the one given now if this
    is the first. Contents that the files held before are looked for in others.
    """
    names = [one.name for one in files]
    rows = {one.name: {"source_id": source.id, "scan": source.scan, **vars(one)} for one in files}
    insert_new(session, SourceFile, list(rows.values()), key=["source_id", "name"])
    left = []
    for name, item_id, sha256, scan in _held(session, source.id, names):
        rows[name]["scan"] = max(scan, source.scan)  # of a later look, which may be under way
        rows[name]["item_id"] = item_id
        if sha256 and sha256 != rows[name]["sha256"]:
            left.append(sha256)
    upsert(
        session,
        SourceFile,
        [rows[name] for name in sorted(rows)],
        key=["source_id", "name"],
        update=READ_ANEW,
    )
    contents.find_elsewhere(session, left)
    return {name: str(row["item_id"]) for name, row in rows.items()}


def mark_seen(session: Session, source: SourceRecord, names: Iterable[str]) -> None:
    """Note that files are there as they were."""
    for chunk in chunks(sorted(names)):
        mine = (SourceFile.source_id == source.id, SourceFile.name.in_(chunk))
        session.execute(
            update(SourceFile).where(*mine, SourceFile.scan < source.scan).values(scan=source.scan)
        )


def mark_archive_seen(session: Session, source: SourceRecord, archive: str) -> int:
    """Note that an archive is there as it was, with all in it; returns how many files that is."""
    mark_seen(session, source, [archive])
    mine = (SourceFile.source_id == source.id, SourceFile.archive == archive)
    newest = case((SourceFile.scan > source.scan, SourceFile.scan), else_=source.scan)
    return changed(session, update(SourceFile).where(*mine).values(scan=newest))


def gone_files(session: Session, source: SourceRecord, *, limit: int) -> list[GoneFile]:
    """Some of the files that the last look at a source has not met."""
    rows = session.execute(
        select(SourceFile.pk, SourceFile.sha256)
        .where(SourceFile.source_id == source.id, SourceFile.scan < source.scan)
        .order_by(SourceFile.scan, SourceFile.pk)  # as the index has them: nothing is sorted
        .limit(limit)
    )
    return [GoneFile(pk=pk, sha256=sha256) for pk, sha256 in rows]


def remove_files(
    session: Session, target: Target, gone: Sequence[GoneFile], *, revision: int
) -> int:
    """Forget files, and delete the items or examples that came from them; returns how many.

    Those that stand for another content by now came from elsewhere and stay. `revision` is a
    collection's next one; a dataset is held.
    """
    n_deleted = 0
    for chunk in chunks([one.pk for one in gone]):
        if target.collection_id is not None:
            n_deleted += _delete_items(session, target.collection_id, chunk, revision=revision)
        elif target.dataset_id is not None:
            n_deleted += _retire_examples(session, target.dataset_id, chunk)
        session.execute(delete(SourceFile).where(SourceFile.pk.in_(chunk)))
    contents.find_elsewhere(session, [one.sha256 for one in gone if one.sha256])
    return n_deleted


def _delete_items(
    session: Session, collection_id: int, pks: Sequence[int], *, revision: int
) -> int:
    came = select(Item.pk).where(
        Item.collection_id == collection_id,
        Item.is_deleted.is_(False),
        Item.item_id == SourceFile.item_id,
        Item.sha256 == SourceFile.sha256,
        SourceFile.pk.in_(pks),
    )
    found = list(session.scalars(came))  # from the files: there may be far more items than gone
    statement = update(Item).where(Item.pk.in_(found), Item.is_deleted.is_(False))
    return changed(session, statement.values(is_deleted=True, revision=revision))


def _retire_examples(session: Session, dataset_id: int, pks: Sequence[int]) -> int:
    came = select(DatasetItem.pk).where(
        DatasetItem.dataset_id == dataset_id,
        DatasetItem.removed_in.is_(None),
        DatasetItem.item_id == SourceFile.item_id,
        DatasetItem.sha256 == SourceFile.sha256,
        SourceFile.pk.in_(pks),
    )
    found = list(session.scalars(came))
    datasets.retire_examples(session, dataset_id, found)
    return len(found)


def _held(
    session: Session, source_id: int, names: Sequence[str]
) -> Iterator[tuple[str, str, str | None, int]]:
    """Name, item, content and last look of each of these files, held until the commit."""
    for chunk in chunks(sorted(names)):
        yield from session.execute(
            select(SourceFile.name, SourceFile.item_id, SourceFile.sha256, SourceFile.scan)
            .where(SourceFile.source_id == source_id, SourceFile.name.in_(chunk))
            .order_by(SourceFile.name)
            .with_for_update()
        ).all()
