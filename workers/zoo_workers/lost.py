"""Examples whose pictures are lost while a network is trained: it goes on without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from zoo.catalog.records import Example
from zoo.errors import InvalidError
from zoo.training.arranging import Arranged, leave_out

NAMED = 3
"""Examples that a sentence names."""


class LostContentsError(Exception):
    """Contents that could be read when they were embedded, and cannot be any more."""

    def __init__(self, sha256s: Iterable[str]) -> None:
        self.sha256s = frozenset(sha256s)
        super().__init__(f"{len(self.sha256s)} contents are gone, or not what they were")


def without_lost(
    arranged: Arranged, examples: Sequence[Example], lost: frozenset[str]
) -> Arranged:
    """The arranged examples with those on no side whose contents are lost.

    Raises InvalidError with code "too_few_images" if too few are left.
    """
    if not lost:
        return arranged
    places = [n for n, place in enumerate(arranged.order) if examples[place].sha256 in lost]
    try:
        return leave_out(arranged, np.array(places, np.int64))
    except InvalidError as error:
        raise InvalidError(
            f"{error.detail}, as {_told(examples, lost)}; bring the files back, or ingest their "
            "source again and train on the version that comes of it",
            code=error.code,
        ) from error


def lost_warnings(examples: Sequence[Example], lost: frozenset[str]) -> list[str]:
    """What has to be said of those that were left out."""
    if not lost:
        return []
    return [
        f"{_told(examples, lost)}, and were left out; ingest their source again and train on the "
        "version that comes of it"
    ]


def _told(examples: Sequence[Example], lost: frozenset[str]) -> str:
    names = [one.name for one in examples if one.sha256 in lost]
    more = ", ..." if len(names) > NAMED else ""
    return (
        f"the pictures of {len(names)} examples ({', '.join(names[:NAMED])}{more}) have changed "
        "or gone since they were taken in"
    )
