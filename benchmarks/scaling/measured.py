"""What is measured for one size of a collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MORE = 1000  # items that are added to those that are there
SEARCHES = 50
PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long a user waits for answers about a collection, in seconds."""

    first_search: float
    search: float  # the median of many
    pages: Sequence[float]  # of items: at the start, in the middle, at the end
    job: float
    collection: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found for one size; times in seconds."""

    n: int
    ingest: float
    phases: Mapping[str, float]  # of the ingest
    cpu: Mapping[str, float]  # of the ingest, by part
    resident: Mapping[str, int]  # bytes of the largest process of a part, at its peak
    proportional: Mapping[str, int]
    home_bytes: int
    catalog_bytes: int
    log_bytes: int  # of the catalog's write-ahead log, at its longest
    waits: Waits
    more: float  # until `MORE` further items are taken in
    search_after_more: float
    ready: float  # after a restart, until it serves
    search_after_restart: float  # after a restart, until a search has answered
