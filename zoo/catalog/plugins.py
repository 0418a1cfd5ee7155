"""Plugins and the backbones they describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import case, delete, exists, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import PluginRecord
from zoo.catalog.rows import as_record, upsert
from zoo.catalog.tables import Model, Plugin, now


def list_plugins(session: Session) -> list[PluginRecord]:
    """Every plugin ever seen and still installed, by name."""
    rows = session.scalars(select(Plugin).order_by(Plugin.name))
    return [as_record(PluginRecord, row) for row in rows]


def get_plugin(session: Session, name: str) -> PluginRecord | None:
    """A plugin by name."""
    row = session.get(Plugin, name)
    return as_record(PluginRecord, row) if row else None


def expect_plugin(
    session: Session, name: str, *, distribution: str, version: str, state: str, reason: str
) -> None:
    """Note a plugin that is installed and not described at this version yet."""
    row = {
        "name": name,
        "distribution": distribution,
        "version": version,
        "state": state,
        "reason": reason,
    }
    upsert(session, Plugin, [row], key=["name"], update=list(row)[1:])


def describe_plugin(
    session: Session, name: str, *, state: str, reason: str, models: Iterable[Mapping[str, Any]]
) -> None:
    """Write what describing a plugin gave; backbones that it no longer has are dropped."""
    session.execute(
        update(Plugin)
        .where(Plugin.name == name)
        .values(state=state, reason=reason, described_at=now())
    )
    rows = [{**model, "kind": "backbone", "plugin": name, "created_at": now()} for model in models]
    if state == "ready":
        _drop_absent(session, name, keep=frozenset(row["name"] for row in rows))
    columns = ["plugin", "architecture", "weights_tag", "is_default", "card"]
    upsert(session, Model, rows, key=["name"], update=columns)


def note_fault(session: Session, name: str, *, reason: str) -> None:
    """Keep why a model could not be built; a plugin of which none could so far is broken."""
    works = exists().where(Model.plugin == name, Model.detail.is_not(None))
    session.execute(
        update(Plugin)
        .where(Plugin.name == name, Plugin.state.in_(("ready", "broken")))
        .values(state=case((works, "ready"), else_="broken"), reason=reason)
    )


def note_success(session: Session, name: str) -> None:
    """A model could be built: the plugin is not broken as a whole."""
    session.execute(
        update(Plugin).where(Plugin.name == name, Plugin.state == "broken").values(state="ready")
    )


def forget_plugins(session: Session, names: Iterable[str]) -> None:
    """Drop plugins that are no longer installed, with their backbones."""
    for name in names:
        session.execute(delete(Model).where(Model.plugin == name))
        session.execute(delete(Plugin).where(Plugin.name == name))


def clear_details(session: Session, plugin: str) -> None:
    """Forget the detail tier of a plugin's backbones: another version may build others."""
    session.execute(update(Model).where(Model.plugin == plugin).values(detail=None))


def _drop_absent(session: Session, plugin: str, *, keep: frozenset[str]) -> None:
    known = session.scalars(select(Model.name).where(Model.plugin == plugin))
    for name in set(known) - keep:
        session.execute(delete(Model).where(Model.name == name))
