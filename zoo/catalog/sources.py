"""Sources: the places that files come from, and each file as it was when it was last read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    delete,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from zoo.catalog import contents, datasets
from zoo.catalog.records import KnownFileRecord, SourceFileRecord, SourceRecord
from zoo.catalog.rows import as_record, changed, chunks, insert_new, upsert
from zoo.catalog.tables import DatasetItem, Item
from zoo.catalog.work_tables import Source, SourceFile

READ_ANEW = ["archive", "size_bytes", "stamp", "sha256", "before_sha256", "reference", "scan"]
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

    @property
    def kind(self) -> type[Item] | type[DatasetItem]:
        """What a file becomes in it."""
        return DatasetItem if self.collection_id is None else Item

    def holds(self) -> ColumnElement[bool]:
        """Whether it has a source file's item, still with that file's content."""
        return self._items().where(self.kind.sha256 == SourceFile.sha256).exists()

    def has(self) -> ColumnElement[bool]:
        """Whether it has a source file's item, with a content that is or was of that id's files.

        Archives of a source may give the same id; whichever was read last has the item.
        """
        other = aliased(SourceFile)
        others = select(other.pk).where(*_is_alike(other), other.sha256 == self.kind.sha256)
        is_another_s = others.correlate(SourceFile, self.kind).exists()
        is_given = or_(
            self.kind.sha256 == SourceFile.sha256,
            and_(SourceFile.archive.is_not(None), is_another_s),
        )
        return self._items().where(is_given).exists()

    def holds_before(self) -> ColumnElement[bool]:
        """Whether it has the item, with the content which that file had before."""
        return self._items().where(self.kind.sha256 == SourceFile.before_sha256).exists()

    def gone_with(self, pks: Sequence[int], *, scan: int) -> Select[int]:
        """The items, by primary key, that these files gave and none does that a look has met.

        Where a file's last bytes could not be used it has given what it held before.
        """
        other = aliased(SourceFile)
        is_met = other.scan + 0 >= scan  # a sum: no range of an index, which may be all files
        others = select(other.pk).where(*_is_alike(other), is_met)
        given = (SourceFile.sha256, SourceFile.before_sha256)
        mine = (SourceFile.pk.in_(pks), self.kind.sha256.in_(given), ~others.exists())
        return self._items().where(*mine).distinct()

    def _items(self) -> Select[int]:
        """Its items with the id of a source file's."""
        if self.collection_id is None:
            mine = (DatasetItem.dataset_id == self.dataset_id, DatasetItem.removed_in.is_(None))
        else:
            mine = (Item.collection_id == self.collection_id, Item.is_deleted.is_(False))
        return select(self.kind.pk).where(*mine, self.kind.item_id == SourceFile.item_id)


def _is_alike(other: type[SourceFile]) -> tuple[ColumnElement[bool], ...]:
    """Whether another file, in an archive, has a source file's id.

    As the index of such files has it; a range of another index looks like less to SQLite.
    """
    return (
        other.source_id == SourceFile.source_id,
        other.item_id == SourceFile.item_id,
        other.archive != literal_column("''"),
    )


@dataclass(frozen=True, kw_only=True)
class GoneFile:
    """A file that is not there any more, with the content that it had."""

    pk: int
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class _HeldFile:
    """A file's row that is about to be written again."""

    pk: int
    name: str
    item_id: str
    sha256: str | None
    before_sha256: str | None
    scan: int
    is_there: bool


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
        before = case((target.holds_before(), SourceFile.before_sha256))
        rows = session.execute(
            select(SourceFile, target.has(), before).where(
                SourceFile.source_id == source_id, SourceFile.name.in_(chunk)
            )
        )
        for row, is_there, before_sha256 in rows:
            found[row.name] = as_record(
                KnownFileRecord, row, is_there=is_there, before_sha256=before_sha256
            )
    return found


def is_whole(session: Session, source_id: int, target: Target, archive: str) -> bool:
    """Whether every file that came from an archive of a source still has its item."""
    lost = (
        select(SourceFile.pk)
        .where(SourceFile.source_id == source_id, SourceFile.archive == archive)
        .where(~target.has())
        .limit(1)
    )
    return session.scalar(lost) is None


def note_files(
    session: Session, source: SourceRecord, target: Target, files: Sequence[SourceFileRecord]
) -> dict[str, str]:
    """Keep files as they were read; returns the id of each one's item, by name.

    That is the id which the file has had from its first reading on, or the one given now if this
    is the first. Contents that the files held before are looked for in others. What was a file
    and is an archive now, or the other way round, is gone and something else is there.
    """
    names = [one.name for one in files]
    rows = {one.name: _row(source, one) for one in files}
    insert_new(session, SourceFile, list(rows.values()), key=["source_id", "name"])
    left, others = [], []
    for held in _held(session, source.id, target, names):
        row = rows[held.name]
        if bool(held.item_id) != bool(row["item_id"]):
            others.append(held.pk)
            continue
        row["scan"] = max(held.scan, source.scan)  # of a later look, which may be under way
        row["item_id"] = held.item_id
        row["before_sha256"] = held.sha256 if held.is_there else held.before_sha256
        if held.sha256 and held.sha256 != row["sha256"]:
            left.append(held.sha256)
    _set_aside(session, others)
    upsert(
        session,
        SourceFile,
        [rows[name] for name in sorted(rows)],
        key=["source_id", "name"],
        update=READ_ANEW,
    )
    contents.find_elsewhere(session, left)
    return {name: str(row["item_id"]) for name, row in rows.items()}


def _row(source: SourceRecord, file: SourceFileRecord) -> dict[str, str | int | None]:
    return {"source_id": source.id, "scan": source.scan, "before_sha256": None, **vars(file)}


def _set_aside(session: Session, pks: Sequence[int]) -> None:
    """Give rows names that no file has: the look that is under way removes them, with their items.

    A name that a file has begins with no slash.
    """
    unmet = literal("/").concat(cast(SourceFile.pk, String))
    for chunk in chunks(pks):
        session.execute(update(SourceFile).where(SourceFile.pk.in_(chunk)).values(name=unmet))


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
    session: Session,
    source: SourceRecord,
    target: Target,
    gone: Sequence[GoneFile],
    *,
    revision: int,
) -> int:
    """Forget files, and delete the items or examples that came from them; returns how many.

    Those that stand for another content by now came from elsewhere and stay, as do those whose id
    another archive gives too: the next look takes its file. `revision` is a collection's next
    one; a dataset is held.
    """
    n_deleted = 0
    for chunk in chunks([one.pk for one in gone]):
        found = list(session.scalars(target.gone_with(chunk, scan=source.scan)))
        if target.dataset_id is not None:
            datasets.retire_examples(session, target.dataset_id, found)
            n_deleted += len(found)
        else:
            n_deleted += _delete_items(session, found, revision=revision)
        session.execute(delete(SourceFile).where(SourceFile.pk.in_(chunk)))
    contents.find_elsewhere(session, [one.sha256 for one in gone if one.sha256])
    return n_deleted


def _delete_items(session: Session, pks: Sequence[int], *, revision: int) -> int:
    statement = update(Item).where(Item.pk.in_(pks), Item.is_deleted.is_(False))
    return changed(session, statement.values(is_deleted=True, revision=revision))


def _held(
    session: Session, source_id: int, target: Target, names: Sequence[str]
) -> Iterator[_HeldFile]:
    """What is known of each of these files, held until the commit."""
    columns = [
        getattr(SourceFile, one.name) for one in fields(_HeldFile) if one.name != "is_there"
    ]
    for chunk in chunks(sorted(names)):
        rows = session.execute(
            select(*columns, target.holds().label("is_there"))
            .where(SourceFile.source_id == source_id, SourceFile.name.in_(chunk))
            .order_by(SourceFile.name)
            .with_for_update()
        ).all()
        yield from (as_record(_HeldFile, row) for row in rows)
