"""Writing features as Parquet; the only module of them that needs pyarrow."""

from __future__ import annotations

from pathlib import Path

import pyarrow
from pyarrow import parquet

from zoo.features.tables import FeatureTable


def write_parquet(path: Path, table: FeatureTable) -> None:
    """Columns id, name and label, and each layer as tensors of a fixed shape.

    Who does not know Arrow's tensors reads lists of floats, in the order of rows.
    """
    texts = {"id": table.ids, "name": table.names, "label": table.labels}
    columns = {name: pyarrow.array(given, pyarrow.string()) for name, given in texts.items()}
    tensors = {
        name: pyarrow.FixedShapeTensorArray.from_numpy_ndarray(array)
        for name, array in table.arrays.items()
    }
    # Numbers that hardly ever repeat: a dictionary of them would cost time and save nothing.
    parquet.write_table(
        pyarrow.table({**columns, **tensors}), path, use_dictionary=False, compression="zstd"
    )
