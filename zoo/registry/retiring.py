"""Putting versions away, and deleting them where nothing uses them any more."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.catalog import Session, models
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.catalog.uses import Uses, uses_of_model, uses_of_version
from zoo.errors import ConflictError, NotFoundError
from zoo.registry.models import require_version

NAMED = 3
"""Users of one kind that a sentence names at most."""


def archive(session: Session, model: ModelRecord, number: int) -> VersionRecord:
    """Put a version away; `ConflictError` while something uses it.

    What was trained on it goes on as it is: its file stays.
    """
    version = hold(session, model, number)
    uses = uses_of_version(session, model.name, number)
    _refuse_used(
        version.name, Uses(jobs=uses.jobs, aliases=uses.aliases, collections=uses.collections)
    )
    return models.set_archived(session, model.id, version, is_archived=True)


def restore(session: Session, model: ModelRecord, number: int) -> VersionRecord:
    """Take a version that was put away back."""
    return models.set_archived(session, model.id, hold(session, model, number), is_archived=False)


def delete_version(session: Session, model: ModelRecord, number: int) -> None:
    """Delete a version, and the model with its last; `ConflictError` while something uses it.

    Its number is never given again; its files go when garbage is collected.
    """
    version = hold(session, model, number)
    _refuse_used(version.name, uses_of_version(session, model.name, number))
    models.drop_version(session, model.id, number)


def delete_model(session: Session, model: ModelRecord) -> None:
    """Delete a user's model with all its versions; `ConflictError` while something uses one."""
    models.lock_model(session, model.id)
    _refuse_used(model.name, uses_of_model(session, model.name))
    models.drop_model(session, model.id)


def hold(session: Session, model: ModelRecord, number: int) -> VersionRecord:
    """A version that nobody else changes or deletes until the commit."""
    models.lock_model(session, model.id)
    return require_version(session, model.name, number)


def hold_backbone(session: Session, backbone: ModelRecord) -> None:
    """Keep a tuned backbone, found a moment ago, from being deleted until the commit."""
    if backbone.tuned is not None:
        hold_version(session, backbone.tuned)


def hold_for_collection(session: Session, backbone: ModelRecord) -> None:
    """The same for what lasts; `ConflictError` for a version that was put away."""
    if backbone.tuned is None:
        return
    version = hold_version(session, backbone.tuned)
    if version.archived_at is not None:
        raise ConflictError(
            f"{version.name} is archived; restore it before a collection is embedded with it",
            code="version_archived",
        )


def hold_version(session: Session, version: VersionRecord) -> VersionRecord:
    """Keep a version, found a moment ago, from being deleted until the commit."""
    model = models.get_model(session, version.model)
    if model is None:
        raise NotFoundError(f"{version.name} was just deleted", code="unknown_version")
    return hold(session, model, version.version)


def _refuse_used(name: str, uses: Uses) -> None:
    users = [
        *_named("job", uses.jobs),
        *_named("alias", uses.aliases),
        *_named("collection", uses.collections),
        *_named("version", uses.versions),
    ]
    if users:
        raise ConflictError(
            f"{name} is used by {', '.join(users)}; let jobs end, and delete or move the others "
            "first",
            code="model_in_use",
        )


def _named(kind: str, names: Sequence[str]) -> list[str]:
    more = len(names) - NAMED
    rest = [f"{more} more of that kind"] if more > 0 else []
    return [*(f"{kind} {name}" for name in names[:NAMED]), *rest]
