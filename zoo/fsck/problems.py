"""What a check of a home is given, what it finds, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from zoo.catalog import Catalog
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore


@dataclass(frozen=True, kw_only=True)
class OpenHome:
    """A home whose catalog has this release's schema."""

    settings: Settings
    catalog: Catalog
    blobs: BlobStore


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something wrong with a home, in a sentence, and how it is mended if it can be."""

    sentence: str
    repair: Callable[[], str] | None = None
    """Mends it and says what was done; may be called again after it was cut short."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A problem after a repair; `mended` is what was done, empty if nothing could be."""

    sentence: str
    mended: str


Check: TypeAlias = Callable[[OpenHome], Iterator[Problem]]
