"""Manifests: lists of files with what is said of each, read row by row however long they are."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from zoo.errors import InvalidError, TextError
from zoo.images.archives import FailedMember, Member
from zoo.images.attributes import KNOWN, Attributes, read_attributes, refuse
from zoo.images.sources.entries import why_unusable
from zoo.images.sources.tabular import RawRow, read_parquet
from zoo.texts import encode_text, title_of

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
LONGEST_LINE = 8_000_000
"""Bytes: the longest text that is kept, each byte of it written as JSON's six, and metadata."""
TOO_LONG = "a line has more than {} bytes"
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
"""Numbers written as JSON writes them; 007 and 1e9 are texts."""
WORDS = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a manifest: a file or a text, and what is said of it."""

    number: int  # counted from 1
    line: int  # where it stands in the file
    path: str  # below the manifest's folder; empty of a row that holds a text itself
    attributes: Attributes
    text: str | None = None

    @property
    def name(self) -> str:
        """What tells a row without a path from the others."""
        return f"row {self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """A line that names no file, with the reason."""

    number: int
    line: int
    detail: str


def text_member(row: Row) -> Member | FailedMember:
    """The text that a row holds, as a file would be."""
    try:
        content = encode_text(row.text or "")
    except TextError as error:
        return FailedMember(name=row.name, code=error.code, detail=error.detail)
    return Member(name=row.name, content=content, attributes=row.attributes, is_text=True)


def manifest_format(path: str) -> str | None:
    """What a file's name says that it is written in; None if it is no manifest's."""
    return FORMATS.get(PurePosixPath(path).suffix.lower())


def read_manifest(file: BinaryIO, form: str, *, skip: int = 0) -> Iterator[Row | BadRow]:
    """The rows of a manifest after the first `skip`; raises `InvalidError` `invalid_manifest`."""
    rows = enumerate(_raw_rows(file, form), start=1)
    for number, (line, raw) in islice(rows, skip, None):
        yield _row(number, line, raw)


def _raw_rows(file: BinaryIO, form: str) -> Iterator[tuple[int, RawRow]]:
    """Lines and rows as they stand."""
    if form == "parquet":
        return enumerate(read_parquet(file), start=1)
    if form == "jsonl":
        return _read_json_lines(file)
    return _read_csv(file, delimiter="\t" if form == "tsv" else ",")


def _row(number: int, line: int, raw: RawRow) -> Row | BadRow:
    if isinstance(raw, str):
        return BadRow(number=number, line=line, detail=raw)
    try:
        if "path" not in raw and raw.get("text") is not None:  # beside paths it is metadata
            return _text_row(number, line, raw)
        attributes = read_attributes(raw)
        return Row(number=number, line=line, path=_path(raw), attributes=attributes)
    except InvalidError as error:
        return BadRow(number=number, line=line, detail=error.detail)


def _text_row(number: int, line: int, raw: Mapping[str, Any]) -> Row:
    text = raw["text"]
    if not isinstance(text, str):
        raise refuse(f"the text is {str(text)[:200]!r}; it should be a text")
    attributes = read_attributes({name: value for name, value in raw.items() if name != "text"})
    named = replace(attributes, name=attributes.name or title_of(text))
    return Row(number=number, line=line, path="", attributes=named, text=text)


def _path(raw: Mapping[str, Any]) -> str:
    path = raw.get("path")
    if not isinstance(path, str) or not path:
        raise refuse("it has no path; name a file below the manifest's folder")
    parts = path.removeprefix("./").split("/")
    if {"", ".", ".."} & {*parts}:
        raise refuse(f"the path {path[:200]!r} does not lie below the manifest's folder")
    if reason := why_unusable(path):
        raise refuse(f"the path {path[:200]!a} cannot be used: {reason}")
    return "/".join(parts)


def _read_csv(file: BinaryIO, *, delimiter: str) -> Iterator[tuple[int, RawRow]]:
    csv.field_size_limit(LONGEST_LINE)  # by itself a cell ends at 131,072 characters
    rows = csv.reader(_short_lines(file), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        check_header(header)
        for cells in rows:
            if cells:
                yield rows.line_num, _csv_row(header, cells)
    except csv.Error as error:
        raise _unreadable(f"{error} (line {rows.line_num})") from error


def check_header(header: Sequence[str]) -> None:
    """Raise `InvalidError` unless these are the columns of a manifest."""
    if not {"path", "text"} & {*header}:
        named = ", ".join(map(repr, header[:10])) or "none"
        raise _unreadable(f"it has no column 'path' and no 'text'; its columns are {named}")
    if len(set(header)) < len(header):
        raise _unreadable("two of its columns have the same name")


def _csv_row(header: list[str], cells: list[str]) -> RawRow:
    if len(cells) > len(header):
        return f"it has {len(cells)} cells, the header {len(header)}"
    said = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
    path = {"path": None} if "path" in header else {}  # a row that lacks it is still a file's
    plain = KNOWN if "path" in header else KNOWN | {"text"}
    known = {name: cell if name in plain else _value(cell) for name, cell in said.items()}
    return {**path, **known}


def _value(cell: str) -> object:
    """A cell as JSON would have it: numbers and truths, as long as no digit gets lost."""
    if cell in WORDS:
        return WORDS[cell]
    return json.loads(cell) if NUMBER.fullmatch(cell) else cell


def _read_json_lines(file: BinaryIO) -> Iterator[tuple[int, RawRow]]:
    for number, line in enumerate(_lines(file), start=1):
        if line is None:
            yield number, TOO_LONG.format(LONGEST_LINE)
        elif line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> RawRow:
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    return row if isinstance(row, dict) else "it is no JSON object"


def _short_lines(file: BinaryIO) -> Iterator[str]:
    """Lines of a table whose rows may go over several: without one nothing after it is sure."""
    for line in _lines(file):
        if line is None:
            raise _unreadable(TOO_LONG.format(LONGEST_LINE))
        yield line


def _lines(file: BinaryIO) -> Iterator[str | None]:
    """Lines of UTF-8 text; None in the place of one that is longer than what may be held."""
    encoding = "utf-8-sig"  # of the first line alone
    while line := file.readline(LONGEST_LINE):
        yield _decoded(line, encoding) if _is_whole(file, line) else None
        encoding = "utf-8"


def _is_whole(file: BinaryIO, line: bytes) -> bool:
    """Whether a line is all there; the rest of one that is too long is passed over."""
    piece = line
    while len(piece) >= LONGEST_LINE and not piece.endswith(b"\n"):
        piece = file.readline(LONGEST_LINE)
    return piece is line


def _decoded(line: bytes, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unreadable("it is not UTF-8 text") from error


def _unreadable(reason: str) -> InvalidError:
    return InvalidError(f"the manifest cannot be read: {reason}", code="invalid_manifest")
