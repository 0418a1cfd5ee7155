"""What stands on a model's versions: names, collections, later versions and work under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from zoo.catalog.deleted import is_kept
from zoo.catalog.jobs import LIVE
from zoo.catalog.tables import Alias, Collection, Model, ModelVersion
from zoo.catalog.work_tables import Job

_NAMING = ("model", "backbone", "parent")
"""Members of a job's work that may name a version."""


@dataclass(frozen=True, kw_only=True)
class Uses:
    """Who uses a version, or any version of a model; each by its name."""

    jobs: Sequence[str] = ()  # ids of live ones
    aliases: Sequence[str] = ()  # `pets@champion`
    collections: Sequence[str] = ()
    versions: Sequence[str] = ()  # trained on it: `cats:1`


def uses_of_version(session: Session, model: str, version: int) -> Uses:
    """Who uses one version."""
    name = f"{model}:{version}"
    mine = (Alias.version == version,)
    return Uses(
        jobs=_live_jobs(session, name),  # first: one that ends meanwhile leaves a version
        aliases=_aliases(session, model, *mine),
        collections=_collections(session, name),
        versions=_built_on(session, name),
    )


def uses_of_model(session: Session, model: str) -> Uses:
    """Who uses any version of a model, but its own later versions; jobs that train one too."""
    return Uses(
        jobs=_live_jobs(session, model),
        aliases=_aliases(session, model),
        collections=_collections(session, model),
        versions=_built_on(session, model, Model.name != model),
    )


def _live_jobs(session: Session, name: str) -> list[str]:
    rows = session.execute(
        select(Job.id, Job.work, Job.spec, Job.type).where(Job.state.in_(LIVE)).order_by(Job.id)
    )
    found = []
    for job_id, work, spec, kind in rows:
        named = {str(work.get(member, "")) for member in _NAMING}
        is_trained = kind == "fine_tune" and spec.get("name") == name
        if is_trained or any(f"{one}:".startswith(f"{name}:") for one in named):
            found.append(job_id)
    return found


def _aliases(session: Session, model: str, *conditions: ColumnElement[bool]) -> list[str]:
    statement = (
        select(Alias.alias)
        .join(Model, Model.id == Alias.model_id)
        .where(Model.name == model, *conditions)
        .order_by(Alias.alias)
    )
    return [f"{model}@{alias}" for alias in session.scalars(statement)]


def _collections(session: Session, name: str) -> list[str]:
    named = select(Collection.name).where(_is_named(Collection.model, name), is_kept(Collection))
    return list(session.scalars(named.order_by(Collection.name)))


def _built_on(session: Session, name: str, *conditions: ColumnElement[bool]) -> list[str]:
    rows = session.execute(
        select(Model.name, ModelVersion.version)
        .join(ModelVersion, ModelVersion.model_id == Model.id)
        .where(_is_named(ModelVersion.backbone, name), *conditions)
        .order_by(Model.name, ModelVersion.version)
    )
    return [f"{model}:{version}" for model, version in rows]


def _is_named(column: InstrumentedAttribute[str], name: str) -> ColumnElement[bool]:
    """`pets` is named by `pets:3`, and `pets:3` by itself and in another precision."""
    return or_(column == name, column.startswith(f"{name}:", autoescape=True))
