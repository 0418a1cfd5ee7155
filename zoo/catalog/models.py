"""Names in the registry, versions, aliases and their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, Select, Text, cast, delete, literal, select, update
from sqlalchemy.orm import Session

from zoo.catalog.records import (
    AliasMoveRecord,
    AliasRecord,
    Json,
    ListedModelRecord,
    ModelRecord,
    VersionRecord,
)
from zoo.catalog.rows import add_up, as_record, insert_new
from zoo.catalog.tables import Alias, AliasMove, Model, ModelVersion, VersionNumber, now


def list_models(session: Session, *, kind: str | None = None) -> list[ListedModelRecord]:
    """Every model, by name, its card as the text that is stored."""
    statement = select(
        Model.name,
        Model.kind,
        Model.plugin,
        Model.is_default,
        Model.created_at,
        cast(Model.card, Text).label("card_json"),
    ).order_by(Model.name)
    if kind is not None:
        statement = statement.where(Model.kind == kind)
    return [ListedModelRecord(**row) for row in session.execute(statement).mappings()]


def model_names(session: Session) -> list[str]:
    """The names of all models."""
    return list(session.scalars(select(Model.name).order_by(Model.name)))


def get_model(session: Session, name: str) -> ModelRecord | None:
    """A model by its full name."""
    row = session.scalar(select(Model).where(Model.name == name))
    return as_record(ModelRecord, row, tuned=None) if row else None


def get_default_backbone(session: Session, plugin: str, architecture: str) -> ModelRecord | None:
    """The backbone that an architecture's name without a weights tag means."""
    row = session.scalar(
        select(Model).where(
            Model.plugin == plugin,
            Model.architecture == architecture,
            Model.is_default.is_(True),
        )
    )
    return as_record(ModelRecord, row, tuned=None) if row else None


def set_detail(session: Session, name: str, detail: Json) -> None:
    """Keep a backbone's detail tier."""
    session.execute(update(Model).where(Model.name == name).values(detail=dict(detail)))


def add_version(
    session: Session, name: str, *, card: Json, values: Mapping[str, Any]
) -> VersionRecord:
    """Register the next version of a user's model, creating the model with its first.

    A job registers one version only: asked again, the one that is there is returned. A number
    is given once, whatever became of the version that had it. `values` are columns; those of the
    network (`weights_key`, `weights_sha256`, `weights_size_bytes`, `detail`, `trained_on`) only if
    it was tuned.
    """
    known = session.scalar(select(ModelVersion).where(ModelVersion.job_id == values["job_id"]))
    if known is not None:
        return as_record(VersionRecord, known, model=name)
    made = {"name": name, "kind": "tuned", "is_default": False, "card": dict(card)}
    insert_new(session, Model, [{**made, "created_at": now()}], key=["name"])
    model_id = session.scalars(select(Model.id).where(Model.name == name)).one()
    lock_model(session, model_id)
    number = _next_number(session, name)
    row = ModelVersion(model_id=model_id, version=number, created_at=now(), **values)
    session.add(row)
    session.flush()
    return as_record(VersionRecord, row, model=name)


def _next_number(session: Session, name: str) -> int:
    add_up(session, VersionNumber, [{"model": name, "newest": 1}], key=["model"], column="newest")
    given = select(VersionNumber.newest).where(VersionNumber.model == name)
    return session.scalars(given).one()


def lock_model(session: Session, model_id: int) -> None:
    """Hold a model against others who number versions or move aliases, until the commit."""
    held = select(Model.id).where(Model.id == model_id).with_for_update(key_share=True)
    session.execute(held)


def list_versions(
    session: Session, name: str, *, before: int, limit: int, with_archived: bool = False
) -> list[VersionRecord]:
    """A model's versions, newest first, those before a number."""
    statement = (
        _versions(name)
        .where(ModelVersion.version < literal(before, BigInteger))
        .order_by(ModelVersion.version.desc())
        .limit(limit)
    )
    if not with_archived:
        statement = statement.where(ModelVersion.archived_at.is_(None))
    return [as_record(VersionRecord, row, model=name) for row in session.scalars(statement)]


def get_version(session: Session, name: str, version: int | None) -> VersionRecord | None:
    """One version of a model, or with None the newest that is not archived."""
    statement = _versions(name).order_by(ModelVersion.version.desc()).limit(1)
    is_wanted = (
        ModelVersion.archived_at.is_(None) if version is None else ModelVersion.version == version
    )
    statement = statement.where(is_wanted)
    row = session.scalar(statement)
    return as_record(VersionRecord, row, model=name) if row else None


def set_archived(
    session: Session, model_id: int, version: VersionRecord, *, is_archived: bool
) -> VersionRecord:
    """Put a version away or take it back; one that is there already keeps its time."""
    if is_archived == (version.archived_at is not None):
        return version
    archived_at = now() if is_archived else None
    session.execute(
        update(ModelVersion)
        .where(ModelVersion.model_id == model_id, ModelVersion.version == version.version)
        .values(archived_at=archived_at)
    )
    return replace(version, archived_at=archived_at)


def drop_version(session: Session, model_id: int, version: int) -> None:
    """Delete a version's row, and with the last one the model."""
    mine = ModelVersion.model_id == model_id
    session.execute(delete(ModelVersion).where(mine, ModelVersion.version == version))
    if session.scalar(select(ModelVersion.id).where(mine).limit(1)) is None:
        drop_model(session, model_id)


def drop_model(session: Session, model_id: int) -> None:
    """Delete a user's model with its versions, aliases and their history; not its numbers."""
    for table in (Alias, AliasMove, ModelVersion):
        session.execute(delete(table).where(table.model_id == model_id))
    session.execute(delete(Model).where(Model.id == model_id))


def get_report(session: Session, name: str, version: int) -> Json | None:
    """What the evaluation of a version found; None if it has none or is not there."""
    statement = (
        select(ModelVersion.report)
        .join(Model, Model.id == ModelVersion.model_id)
        .where(Model.name == name, ModelVersion.version == version)
    )
    return session.scalar(statement)


def get_trained_on(session: Session, version: VersionRecord) -> bytes | None:
    """The packed contents that a version's own network was trained on, where they are known."""
    statement = (
        select(ModelVersion.trained_on)
        .join(Model, Model.id == ModelVersion.model_id)
        .where(Model.name == version.model, ModelVersion.version == version.version)
    )
    return session.scalar(statement)


def all_version_blobs(session: Session) -> list[tuple[str, str]]:
    """Key and sha256 of every version's files: its head, and its network if it has one."""
    heads = session.execute(select(ModelVersion.blob_key, ModelVersion.sha256))
    networks = session.execute(
        select(ModelVersion.weights_key, ModelVersion.weights_sha256).where(
            ModelVersion.weights_key.is_not(None)
        )
    )
    return [(str(key), str(sha256)) for key, sha256 in (*heads, *networks)]


def list_aliases(session: Session, model_id: int) -> list[AliasRecord]:
    """A model's aliases, by name."""
    rows = session.execute(
        select(Alias, Model.name)
        .join(Model, Model.id == Alias.model_id)
        .where(Alias.model_id == model_id)
        .order_by(Alias.alias)
    )
    return [as_record(AliasRecord, row, model=name) for row, name in rows]


def get_alias(session: Session, model_id: int, alias: str) -> int | None:
    """The version that an alias names."""
    row = session.get(Alias, (model_id, alias))
    return row.version if row else None


def move_alias(session: Session, model_id: int, alias: str, *, version: int | None) -> None:
    """Point an alias at a version, or with None delete it; the move goes into its history."""
    lock_model(session, model_id)
    row = session.get(Alias, (model_id, alias), populate_existing=True)
    before = row.version if row else None
    if before == version:
        return
    session.execute(delete(Alias).where(Alias.model_id == model_id, Alias.alias == alias))
    session.expunge_all()
    if version is not None:
        session.add(Alias(model_id=model_id, alias=alias, version=version, updated_at=now()))
    session.add(AliasMove(model_id=model_id, alias=alias, from_version=before, to_version=version))
    session.flush()


def alias_history(session: Session, model_id: int, alias: str) -> Sequence[AliasMoveRecord]:
    """Every move of an alias, newest first."""
    statement = (
        select(AliasMove)
        .where(AliasMove.model_id == model_id, AliasMove.alias == alias)
        .order_by(AliasMove.id.desc())
    )
    return [as_record(AliasMoveRecord, row) for row in session.scalars(statement)]


def _versions(name: str) -> Select[ModelVersion]:
    return (
        select(ModelVersion)
        .join(Model, Model.id == ModelVersion.model_id)
        .where(Model.name == name)
    )
