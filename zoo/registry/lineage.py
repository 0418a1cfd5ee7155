"""Where a version comes from: every version that it goes on from, down to pre-trained weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zoo.catalog import Session, models
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.errors import ZooError
from zoo.registry.models import VERSION_NAME, is_own, resolve_backbone
from zoo.space import split_precision


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """One step: a version, a backbone, or with neither one that is known by its name alone."""

    name: str
    version: VersionRecord | None = None
    backbone: ModelRecord | None = None


def ancestors(session: Session, version: VersionRecord) -> Iterator[Ancestor]:
    """The version itself, what it goes on from, and so on to the backbone of a plugin.

    A parent that was deleted is passed over by way of what its child stood on: that is kept.
    """
    yield Ancestor(name=version.name, version=version)
    parent = str(version.lineage.get("parent", version.backbone))
    while is_own(parent):
        found = _version(session, parent)
        yield Ancestor(name=parent, version=found)
        if found is not None:
            version = found
            parent = str(found.lineage.get("parent", found.backbone))
        elif parent != version.backbone:
            parent = version.backbone
        else:
            return
    yield Ancestor(name=parent, backbone=_backbone(session, parent))


def _version(session: Session, name: str) -> VersionRecord | None:
    match = VERSION_NAME.fullmatch(split_precision(name)[0])
    if match is None or match["version"] is None:
        return None
    return models.get_version(session, match["name"], int(match["version"]))


def _backbone(session: Session, name: str) -> ModelRecord | None:
    try:
        return resolve_backbone(session, name)
    except ZooError:  # its plugin is gone, or broken by now: what is recorded stays true
        return None
