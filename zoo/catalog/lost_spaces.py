"""Spaces of tuned networks that were deleted: nothing can be embedded into them any more."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from zoo.catalog.rows import changed
from zoo.catalog.tables import Feature, Generation, Model, ModelVersion, SpaceRow


def lost_spaces(session: Session) -> list[str]:
    """Spaces that no version and no collection lives in, of versions that are gone.

    A network that is trained again bit by bit has its old space again, and keeps it.
    """
    of_version = select(ModelVersion.id).where(ModelVersion.space_id == SpaceRow.space_id)
    of_collection = select(Generation.id).where(Generation.space_id == SpaceRow.space_id)
    unused = session.execute(
        select(SpaceRow.space_id, SpaceRow.model)
        .where(SpaceRow.model.not_like("%.%"))  # a plugin's backbone has a dot in its name
        .where(~of_version.exists(), ~of_collection.exists())
        .order_by(SpaceRow.space_id)
    ).all()
    there = session.execute(
        select(Model.name, ModelVersion.version).join(Model, Model.id == ModelVersion.model_id)
    )
    known = {f"{name}:{version}" for name, version in there}
    # In another precision a version has a space besides: `pets:3:bf16`.
    return [space for space, model in unused if ":".join(model.split(":")[:2]) not in known]


def rows_in_space(session: Session, space_id: str) -> dict[int, int]:
    """How many embeddings of a space stand in each segment."""
    rows = session.execute(
        select(Feature.segment_id, func.count())
        .where(Feature.space_id == space_id)
        .group_by(Feature.segment_id)
    )
    return {segment_id: n for segment_id, n in rows}  # noqa: C416 - a row is no plain pair


def drop_embeddings(session: Session, space_id: str, *, limit: int) -> int:
    """Delete some embeddings of a space, if it is still lost; returns how many."""
    if space_id not in lost_spaces(session):
        return 0
    some = select(Feature.sha256).where(Feature.space_id == space_id).limit(limit)
    sha256s = list(session.scalars(some))
    mine = (Feature.space_id == space_id, Feature.sha256.in_(sha256s))
    return changed(session, delete(Feature).where(*mine))
