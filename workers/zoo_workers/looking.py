"""Telling of each file of a source what is to be done with it: nothing, or what it brings."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from zoo.catalog import Catalog, sources
from zoo.catalog.records import ContentRecord, KnownFileRecord, SourceFileRecord
from zoo.errors import InvalidError
from zoo.images.archives import HEAD_BYTES, FailedMember, Member, is_archive
from zoo.images.sources.entries import Entry, FoundFile, Wanted
from zoo.jobs.ledger import Claim
from zoo.storage.packs import PackWriter
from zoo_workers.arriving import (
    SourceWork,
    Taken,
    arrive,
    arrive_member,
    is_in,
    new_item_id,
    refuse_member,
    refused,
)

TWICE = "an earlier row of the manifest has the same id, or without one the same path"


@dataclass(kw_only=True)
class Seen:
    """What was found in some entries of a source."""

    taken: list[Taken] = field(default_factory=list)
    references: list[ContentRecord] = field(default_factory=list)
    archives: list[FoundFile] = field(default_factory=list)  # to be expanded
    unchanged: list[str] = field(default_factory=list)
    unchanged_archives: list[str] = field(default_factory=list)


class Look:
    """A look at some entries of a source, with what earlier looks have left of them."""

    def __init__(
        self, claim: Claim, work: SourceWork, writer: PackWriter, *, max_bytes: int
    ) -> None:
        self.seen = Seen()
        self._claim = claim
        self._work = work
        self._writer = writer
        self._max_bytes = max_bytes
        self._names: set[str] = set()

    def take(
        self, entries: Sequence[Entry], known: Mapping[str, KnownFileRecord], whole: Container[str]
    ) -> None:
        """Sort entries; `whole` names the archives of which everything is in."""
        unread: list[tuple[Entry, FoundFile]] = []
        for entry in entries:
            file = self._unread(entry, known.get(entry.name), whole=whole)
            if file is not None:
                unread.append((entry, file))
        reads = self._work.opened.place.read_all([self._wanted(file) for _, file in unread])
        for (entry, file), content in zip(unread, reads, strict=True):
            self._take(entry, file, content, known.get(entry.name))

    def _unread(
        self, entry: Entry, known: KnownFileRecord | None, *, whole: Container[str]
    ) -> FoundFile | None:
        """The file if it has to be read; otherwise the entry is seen to."""
        if isinstance(entry.file, FailedMember):
            self.seen.taken.append(refuse_member(entry.file))
        elif self._is_repeated(entry, known):
            self._refuse(_name_of(entry), "invalid_manifest_row", TWICE)
        elif isinstance(entry.file, Member):
            self._take_text(entry, entry.file, known)
        elif known is None or not self._is_same(entry, entry.file.size_bytes, known):
            return entry.file
        elif known.is_there:
            self.seen.unchanged.append(entry.name)
        elif not known.item_id and entry.name in whole:
            self.seen.unchanged_archives.append(entry.name)
        else:
            return entry.file
        return None

    def _is_repeated(self, entry: Entry, known: KnownFileRecord | None) -> bool:
        """Whether this very look has had the entry: only manifests name anything twice."""
        if not self._work.opened.form:
            return False
        was_seen = entry.name in self._names
        self._names.add(entry.name)
        return was_seen or (known is not None and known.scan == self._work.record.scan)

    def _is_same(self, entry: Entry, size_bytes: int, known: KnownFileRecord) -> bool:
        wants_copy = self._work.spec.copy and known.reference is not None
        return (size_bytes, entry.stamp) == (known.size_bytes, known.stamp) and not wants_copy

    def _take_text(self, entry: Entry, member: Member, known: KnownFileRecord | None) -> None:
        """A text that stands in the manifest itself."""
        size_bytes = len(member.content)
        if known is not None and known.is_there and self._is_same(entry, size_bytes, known):
            self.seen.unchanged.append(entry.name)
            return
        sha256 = self._store(None, member.content)
        arrival = arrive_member(self._claim, member, sha256)
        noted = self._noted(entry, size_bytes, sha256=sha256, reference=None)
        kept = None if arrival.error else noted
        self.seen.taken.append(Taken(arrival=arrival, noted=kept, is_text=True))

    def _wanted(self, file: FoundFile) -> Wanted:
        """Of a file that is too large, as much as tells an archive."""
        is_larger = file.size_bytes > self._max_bytes
        return Wanted(file=file, limit=HEAD_BYTES if is_larger else self._max_bytes)

    def _take(
        self,
        entry: Entry,
        file: FoundFile,
        content: bytes | InvalidError,
        known: KnownFileRecord | None,
    ) -> None:
        if isinstance(content, InvalidError):
            self._refuse(file.path, content.code, content.detail)
        elif is_archive(content[:HEAD_BYTES]) and not self._work.opened.form:
            self.seen.archives.append(file)
        elif file.size_bytes > self._max_bytes:
            detail = f"the file has {file.size_bytes} bytes; at most {self._max_bytes} are read"
            arrival = refused(file.path, "file_too_large", detail)
            self.seen.taken.append(Taken(arrival=arrival, spoilt=entry.name))
        else:
            self._keep(entry, file, content, known)

    def _refuse(self, name: str, code: str, detail: str) -> None:
        self.seen.taken.append(Taken(arrival=refused(name, code, detail)))

    def _keep(
        self, entry: Entry, file: FoundFile, content: bytes, known: KnownFileRecord | None
    ) -> None:
        reference = None if self._work.spec.copy else self._work.opened.place.reference(file.path)
        sha256 = self._store(reference, content) if content else None
        arrival = arrive(self._claim, file.path, sha256, entry.attributes)
        if sha256 is None or arrival.error:
            self.seen.taken.append(Taken(arrival=arrival, spoilt=entry.name))
            return
        noted = self._noted(entry, file.size_bytes, sha256=sha256, reference=reference)
        self.seen.taken.append(Taken(arrival=arrival, noted=noted, is_in=is_in(noted, known)))

    def _noted(
        self, entry: Entry, size_bytes: int, *, sha256: str, reference: str | None
    ) -> SourceFileRecord:
        return SourceFileRecord(
            name=entry.name,
            size_bytes=size_bytes,
            stamp=entry.stamp,
            sha256=sha256,
            reference=reference,
            item_id=new_item_id(entry.attributes),
        )

    def _store(self, reference: str | None, content: bytes) -> str:
        """Keep a file's bytes, or where they are; returns their sha256."""
        if reference is None:
            return self._writer.add(content).sha256
        sha256 = hashlib.sha256(content).hexdigest()
        self.seen.references.append(
            ContentRecord(
                sha256=sha256,
                pack_key=reference,
                offset=0,
                size_bytes=len(content),
                width=None,
                height=None,
            )
        )
        return sha256


def _name_of(entry: Entry) -> str:
    return entry.file.path if isinstance(entry.file, FoundFile) else entry.file.name


def known_of(
    catalog: Catalog, work: SourceWork, entries: list[Entry]
) -> tuple[Mapping[str, KnownFileRecord], frozenset[str]]:
    """What earlier looks have left of entries, and which of them are archives that are whole."""
    names = [entry.name for entry in entries]
    with catalog.read() as session:
        known = sources.known_files(session, work.record.id, work.target, names)
        whole = frozenset(
            name
            for name, one in known.items()
            if not one.item_id and sources.is_whole(session, work.record.id, work.target, name)
        )
    return known, whole
