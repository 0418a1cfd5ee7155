"""Files of features: a row an item, an array a layer, as npz or Parquet."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zoo.errors import InvalidError
from zoo.features.npz import write_npz

FileFormat = Literal["npz", "parquet"]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureTable:
    """What one file holds; all of one length, in the same order."""

    ids: Sequence[str]
    names: Sequence[str]
    labels: Sequence[str | None]
    arrays: dict[str, FloatArray]  # by the name that a layer was asked by


def write_table(path: Path, table: FeatureTable, file_format: FileFormat) -> None:
    """Write a file; the same table is always the same bytes.

    Raises `InvalidError` (`parquet_not_installed`) where that is missing.
    """
    if file_format == "parquet":
        _write_parquet(path, table)
        return
    texts = {
        "ids": np.array(table.ids, np.str_),
        "names": np.array(table.names, np.str_),
        "labels": np.array([label or "" for label in table.labels], np.str_),
    }
    with path.open("wb") as file:
        write_npz(file, {**texts, **table.arrays})


def _write_parquet(path: Path, table: FeatureTable) -> None:
    try:
        # By name: pyarrow is an extra's, and takes a while to import.
        parquet = importlib.import_module("zoo.features.parquet")
    except ImportError as error:
        raise InvalidError(
            f"features as Parquet need pyarrow ({error}); pip install 'featurezoo[parquet]'",
            code="parquet_not_installed",
        ) from error
    parquet.write_parquet(path, table)
