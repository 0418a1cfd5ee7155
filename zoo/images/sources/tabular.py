"""Parquet's rows as JSON values, some at a time; needs pyarrow, an extra's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from typing import Any, BinaryIO, TypeAlias

from zoo.errors import InvalidError

ROWS_AT_ONCE = 1000
RawRow: TypeAlias = Mapping[str, Any] | str
"""A row by its columns' names, or the reason why it cannot be read."""


def read_parquet(file: BinaryIO) -> Iterator[RawRow]:
    """The rows of a Parquet file.

    Raises `InvalidError` with code `invalid_manifest`, or `parquet_not_installed`.
    """
    parquet, arrow = _pyarrow()
    try:
        table = parquet.ParquetFile(file)
        names = table.schema_arrow.names
        if not {"path", "text"} & {*names}:
            raise _unreadable(
                f"it has no column 'path' and no 'text'; its columns are {names[:10]}"
            )
        for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
            columns = [_coarse(arrow, column) for column in batch.columns]
            rows = arrow.RecordBatch.from_arrays(columns, names=names).to_pylist()
            yield from map(_row, rows)
    except (arrow.ArrowException, OSError, ValueError, ArithmeticError) as error:
        raise _unreadable(str(error)) from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow.parquet"), import_module("pyarrow")
    except ImportError as error:
        raise InvalidError(
            "a Parquet manifest needs pyarrow; pip install 'featurezoo[parquet]'",
            code="parquet_not_installed",
        ) from error


def _coarse(arrow: Any, column: Any) -> Any:
    """A column whose moments have microseconds: Python's have no more, and pandas writes nine."""
    kind = _coarse_type(arrow, column.type)
    return column if kind == column.type else column.cast(kind, safe=False)


def _coarse_type(arrow: Any, kind: Any) -> Any:
    if kind == arrow.time64("ns"):
        return arrow.time64("us")
    if arrow.types.is_timestamp(kind) and kind.unit == "ns":
        return arrow.timestamp("us", tz=kind.tz)
    if arrow.types.is_list(kind):
        return arrow.list_(_coarse_type(arrow, kind.value_type))
    if arrow.types.is_struct(kind):
        return arrow.struct([(one.name, _coarse_type(arrow, one.type)) for one in kind.fields])
    return kind


def _row(raw: Mapping[str, Any]) -> RawRow:
    try:
        return {name: _value(value) for name, value in raw.items()}
    except TypeError as error:
        return str(error)


def _value(value: object) -> object:
    """A value as JSON has it: moments in ISO 8601, numbers that are none as nothing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return _nested(value)


def _nested(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_value(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _value(one) for name, one in value.items()}
    raise TypeError(f"a value of type {type(value).__name__} is no JSON")


def _unreadable(reason: str) -> InvalidError:
    return InvalidError(f"the manifest cannot be read: {reason}", code="invalid_manifest")
