"""The keys as one process knows them: at most half a second old, and no query a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from flask import current_app

from zoo.catalog import Catalog
from zoo.catalog import keys as catalog_keys
from zoo.catalog.records import KeyRecord
from zoo.errors import ZooError
from zoo.keys import id_of, is_digest

FRESH_S = 0.5
"""Half of the second within which a new key works and a revoked one does not."""
NOTE_EVERY_S = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Known:
    """All keys at one moment; a revoked one still counts as one that was made."""

    working: Mapping[str, KeyRecord]
    is_any: bool
    read_at: float


@dataclass(kw_only=True)
class Uses:
    """When keys were used since that was last written."""

    unwritten: dict[str, datetime] = field(default_factory=dict)
    write_at: float = 0.0


class KeyRing:
    """Answers whose key this is, for all threads of a process."""

    def __init__(self, catalog: Catalog, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog = catalog
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._uses = Uses()

    def has_any(self) -> bool:
        """Whether a key was ever made: revoking the last one locks, it does not open."""
        return self._fresh().is_any

    def find(self, text: str) -> KeyRecord | None:
        """The key with this text, if it works."""
        found = self.get(id_of(text) or "")
        return found if is_digest(text, found.digest if found else None) else None

    def get(self, key_id: str) -> KeyRecord | None:
        """The key with this id, if it works."""
        return self._fresh().working.get(key_id)

    def forget(self) -> None:
        """Read the keys anew at the next question: this process has changed them."""
        self._known = None

    def note_use(self, key: KeyRecord) -> None:
        """Remember that a key was used; `write_uses` writes it."""
        self._uses.unwritten[key.id] = datetime.now(UTC)

    def write_uses(self) -> None:
        """Write the uses noted, at most once in `NOTE_EVERY_S`; failing to costs no request."""
        with self._lock:
            if not self._uses.unwritten or self._clock() < self._uses.write_at:
                return
            used, self._uses.unwritten = self._uses.unwritten, {}
            self._uses.write_at = self._clock() + NOTE_EVERY_S
        try:
            with self._catalog.write() as session:
                catalog_keys.note_uses(session, used)
        except ZooError as error:
            log.warning("key_uses_not_written", code=error.code, detail=error.detail)

    def _fresh(self) -> Known:
        known = self._known
        if known is not None and self._clock() - known.read_at < FRESH_S:
            return known
        with self._lock:
            known = self._known
            if known is None or self._clock() - known.read_at >= FRESH_S:
                known = self._known = self._read()
            return known

    def _read(self) -> Known:
        began = self._clock()  # before the question: what changes meanwhile is not known
        with self._catalog.read() as session:
            found = catalog_keys.list_keys(session)
        working = {key.id: key for key in found if key.revoked_at is None}
        return Known(working=working, is_any=bool(found), read_at=began)


def key_ring() -> KeyRing:
    """The keys of the application that answers."""
    found: KeyRing = current_app.extensions["zoo_keys"]
    return found
