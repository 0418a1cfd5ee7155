"""Writing arrays as an npz that needs no pickle; the same arrays are always the same bytes.

numpy's own `savez` takes the arrays' names as keywords, of which it keeps some for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

MEDIA_TYPE = "application/x-npz"


def write_npz(file: IO[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by their names; `ValueError` for one of objects."""
    with ZipFile(file, "w", ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
