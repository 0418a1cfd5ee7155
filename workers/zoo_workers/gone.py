"""What becomes of inputs whose contents are not stored any more."""

from __future__ import annotations

from zoo.errors import ContentError
from zoo.storage.packs import collected


def gone_error(sha256: str) -> ContentError:
    """Why an input cannot be done whose content was deleted and collected."""
    error = collected(sha256)
    return ContentError(error.detail, code=error.code)
