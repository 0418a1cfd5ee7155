"""What a collection of garbage works on, and what it tells of each kind of thing that went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from zoo.catalog import Catalog, Session, soundness
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """A home, and how it is to be gone over."""

    settings: Settings
    catalog: Catalog
    blobs: BlobStore
    instant: datetime  # when it began, in UTC
    is_dry: bool  # nothing is deleted, only counted
    is_thorough: bool  # files are rewritten for a single deleted byte
    tell: Callable[[str], object]  # is given a sentence for each file that is left as it is

    @property
    def grace_from(self) -> datetime:
        """Files written after this may be about to be named, jobs ended after it tried again."""
        return self.instant - timedelta(seconds=self.settings.gc_grace_s)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads, for as long as it takes: it goes over whole tables."""
        with self.catalog.read() as session:
            soundness.take_time(session)
            yield session


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Things of one kind that went, or would go."""

    kind: str
    count: int = 0
    size_bytes: int = 0  # by which the home is smaller


@dataclass(kw_only=True)
class Dead:
    """What would be dead besides, were nothing only counted: bytes by pack, rows by segment."""

    bytes_of_pack: Counter[int] = field(default_factory=Counter)
    rows_of_segment: Counter[int] = field(default_factory=Counter)
