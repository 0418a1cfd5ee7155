"""API keys: who may come in, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import inspect, select, update
from sqlalchemy.orm import Session

from zoo.catalog.database import open_unpooled
from zoo.catalog.engines import sqlite_path
from zoo.catalog.records import KeyRecord
from zoo.catalog.rows import as_record
from zoo.catalog.tables import ApiKey, now
from zoo.keys import NewKey


def add_key(session: Session, key: NewKey, *, name: str, scope: str) -> KeyRecord:
    """Let a key in; its text is not kept."""
    row = ApiKey(id=key.id, name=name, scope=scope, digest=key.digest, created_at=now())
    session.add(row)
    session.flush()
    return as_record(KeyRecord, row)


def list_keys(session: Session, *, after: str = "", limit: int | None = None) -> list[KeyRecord]:
    """Every key ever made, revoked ones too, oldest first, from the one after an id."""
    statement = select(ApiKey).where(ApiKey.id > after).order_by(ApiKey.id).limit(limit)
    return [as_record(KeyRecord, row) for row in session.scalars(statement)]


def get_key(session: Session, key_id: str) -> KeyRecord | None:
    """A key by its id."""
    row = session.get(ApiKey, key_id)
    return as_record(KeyRecord, row) if row else None


def revoke_key(session: Session, key_id: str) -> None:
    """Let a key in no longer; the first time counts."""
    statement = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    session.execute(statement.values(revoked_at=now()))


def note_uses(session: Session, used: Mapping[str, datetime]) -> None:
    """Write when keys were last used."""
    for key_id, at in sorted(used.items()):  # in one order: no deadlocks
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=at))


def has_working_key(url: str) -> bool:
    """Whether the database at `url` lets a key in; one that is not there yet has none."""
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return False
    catalog = open_unpooled(url)
    try:
        with catalog.read() as session:
            if not inspect(session.connection()).has_table(ApiKey.__tablename__):
                return False
            working = select(ApiKey.id).where(ApiKey.revoked_at.is_(None)).limit(1)
            return session.scalar(working) is not None
    finally:
        catalog.close()
