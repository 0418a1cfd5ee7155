"""How familiar the examples of a fine-tune are to its backbone, where that costs nothing."""

from __future__ import annotations

import numpy as np
import structlog
from numpy.typing import NDArray

from zoo.errors import DamagedError
from zoo.inference.exports import HEAD, Exports
from zoo.storage.blobs import file_sha256
from zoo.training.domain import unfamiliarity
from zoo.training.heads import read_head
from zoo_workers.context import Context

log = structlog.get_logger()


def measure_unfamiliarity(
    context: Context, vectors: NDArray[np.float32], *, space_id: str
) -> float | None:
    """How little the backbone's own classifier recognises; None if it is not at hand.

    It lies beside the backbone's export, which embedding left on this machine: building the
    backbone for it would cost more than the answer is worth.
    """
    exports = Exports(context.settings.home, timeout_s=context.settings.export_timeout_s)
    export = exports.find(space_id)
    if export is None or not export.head_sha256:
        return None
    path = export.folder / HEAD
    try:
        if file_sha256(path) == export.head_sha256:
            return unfamiliarity(read_head(path), vectors)
        log.warning("native_head_damaged", space_id=space_id)
    except (DamagedError, OSError) as error:
        log.warning("native_head_damaged", space_id=space_id, detail=str(error))
    return None
