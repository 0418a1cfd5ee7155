"""The files of an archive with what is said of them: by a manifest in it, or WebDataset's way."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from zoo.errors import InvalidError
from zoo.images.archives import HEAD_BYTES, FailedMember, Member, is_tar, read_archive
from zoo.images.sources.manifests import (
    BadRow,
    Row,
    manifest_format,
    read_manifest,
    text_member,
)
from zoo.images.webdataset import join_samples

MOST_ROWS = 1_000_000
"""Of a manifest in an archive: a row of two bytes takes 150 in memory, an ordinary one 600."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest in an archive, held as a whole: its bytes and its rows are bounded."""

    name: str
    rows: Sequence[Row | BadRow]


def read_members(file: BinaryIO, *, max_bytes: int) -> Iterator[Member | FailedMember]:
    """The files of an archive, in its order.

    With a manifest at its top (`*.csv`, `*.jsonl`, ... with a column `path`) just those that it
    names, and its rows that name none as failed. Otherwise all; of a tar in WebDataset's layout
    the samples. Raises `InvalidError` for an archive that breaks off, or a manifest that does or
    has more than `MOST_ROWS`.
    """
    manifest = find_manifest(file, max_bytes=max_bytes)
    file.seek(0)
    has_samples = is_tar(file.read(HEAD_BYTES))
    members = read_archive(file, max_bytes=max_bytes)
    if manifest is not None:
        return _listed(members, manifest)
    return join_samples(members) if has_samples else members


def read_rows(file: BinaryIO, form: str, *, name: str) -> Iterator[Member | FailedMember]:
    """What a manifest holds itself that comes without files: texts; rows of files fail."""
    for row in read_manifest(file, form):
        if isinstance(row, BadRow):
            line = f"{name}:{row.line}"
            yield FailedMember(name=line, code="invalid_manifest_row", detail=row.detail)
        elif row.text is None:
            detail = f"{name} came without its files; send an archive that holds both"
            yield FailedMember(name=row.path, code="file_missing", detail=detail)
        else:
            yield text_member(row)


def find_manifest(file: BinaryIO, *, max_bytes: int) -> Manifest | None:
    """The first manifest at an archive's top, wherever among the members it stands."""
    candidates = read_archive(file, max_bytes=max_bytes, wanted=_may_be_manifest)
    found = None
    with suppress(InvalidError):  # of an archive that breaks off: whoever reads it all is told
        found = next((one for one in candidates if _is_manifest(one)), None)
    if not isinstance(found, Member):
        return None
    rows = list(islice(_rows(found), MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise InvalidError(
            f"the manifest {found.name} has more than {MOST_ROWS} rows; send several archives",
            code="archive_too_large",
        )
    return Manifest(name=found.name, rows=rows)


def _may_be_manifest(name: str) -> bool:
    return "/" not in name.removeprefix("./") and manifest_format(name) is not None


def _is_manifest(member: Member | FailedMember) -> bool:
    """Whether it has a column `path`; of JSON lines, whether the first one names a file."""
    if isinstance(member, FailedMember):
        return False
    try:
        first = next(_rows(member), None)
    except InvalidError:
        return False
    if isinstance(first, Row):
        return first.text is None  # a table of texts is none of the archive's files
    return first is not None and manifest_format(member.name) != "jsonl"


def _rows(member: Member) -> Iterator[Row | BadRow]:
    form = manifest_format(member.name) or "csv"
    return read_manifest(io.BytesIO(member.content), form)


def _listed(
    members: Iterable[Member | FailedMember], manifest: Manifest
) -> Iterator[Member | FailedMember]:
    wanted: dict[str, list[Row]] = {}
    for row in manifest.rows:
        if isinstance(row, BadRow):
            name = f"{manifest.name}:{row.line}"
            yield FailedMember(name=name, code="invalid_manifest_row", detail=row.detail)
        elif row.text is not None:
            yield text_member(row)
        else:
            wanted.setdefault(row.path, []).append(row)
    for member in members:
        for row in wanted.pop(member.name.removeprefix("./"), []):
            attributes = row.attributes
            yield replace(member, attributes=attributes) if isinstance(member, Member) else member
    for path in wanted:
        detail = f"{manifest.name} names it, but the archive has no such file"
        yield FailedMember(name=path, code="file_missing", detail=detail)
