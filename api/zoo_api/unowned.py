"""Files that came with a request: what no row came to own is removed when it is answered."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from flask import Response, after_this_request, g

from zoo.errors import UnavailableError
from zoo_api.services import services

_log = structlog.get_logger()


def await_owner(keys: Iterable[str]) -> None:
    """Note blobs that a transaction of this request is to own."""
    if "unowned" not in g:
        g.unowned = []
        after_this_request(_remove)
    g.unowned.extend(keys)


def find_owner() -> None:
    """Keep the noted blobs: a row owns them now, or may."""
    if "unowned" in g:
        g.unowned.clear()


def _remove(response: Response) -> Response:
    try:
        for key in g.unowned:
            services().blobs.delete(key)
    except (UnavailableError, OSError) as error:
        # The answer stands; the collection of garbage finds them later.
        _log.warning("unowned_files_kept", files=len(g.unowned), reason=str(error))
    return response
