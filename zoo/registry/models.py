"""From the names that callers use to models, versions and what loads them."""

from __future__ import annotations

import re
from dataclasses import replace

from zoo.catalog import Session, models, plugins
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.errors import NotFoundError, PluginError, UnavailableError
from zoo.names import unknown
from zoo.registry.plugins import installed_plugins
from zoo.registry.spellings import read_spelling
from zoo.space import FLOAT32, at_precision, split_precision

VERSION_NAME = re.compile(r"(?P<name>[a-z0-9_-]+)(?::(?P<version>\d{1,9})|@(?P<alias>[\w-]+))?")


def resolve_backbone(session: Session, name: str) -> ModelRecord:
    """The backbone of a full name, or of one without weights tag: then the plugin's default.

    A name that is not found so is read as other libraries spell it (`DEFAULT`, `IMAGENET1K_V2`).
    A user's own version (`pets`, `pets:3`, `pets@champion`) is the network that was tuned with
    it, by the name `pets:3`; one that is a head alone means the backbone that it stands on.
    With `:bf16` behind it the same backbone is meant in that precision, and so another space.
    Raises `NotFoundError` with the nearest names, `UnavailableError` while the plugin is being
    described, `PluginError` if it is broken.
    """
    plain, precision = split_precision(name)
    found = _find(session, plain) or _find(session, read_spelling(plain))
    if found is not None and found.kind == "backbone":
        return _in_precision(found, precision)
    if found is not None or is_own(plain):
        return _in_precision(backbone_of(session, resolve_version(session, plain)), precision)
    _check_plugin(session, read_spelling(plain).partition(".")[0])
    raise unknown("model", name, models.model_names(session))


def is_own(name: str) -> bool:
    """Whether a name, precision aside, can only be a user's model or version: it has no dot."""
    return VERSION_NAME.fullmatch(split_precision(name)[0]) is not None


def backbone_of(session: Session, version: VersionRecord) -> ModelRecord:
    """What a version's head stands on: the network tuned with it, or its backbone.

    A tuned network is built by the plugin that its backbone, or that one's own, came from.
    """
    if version.weights_key is None:
        return resolve_backbone(session, version.backbone)
    root = _root(session, version)
    return replace(
        root,
        name=version.name,
        is_default=False,
        card={**root.card, "is_random": False},
        detail=version.detail,
        tuned=version,
    )


def _root(session: Session, version: VersionRecord) -> ModelRecord:
    """The plugin's backbone that a tuned network goes back to, any number of trainings ago."""
    name = version.backbone
    while is_own(name):
        name = resolve_version(session, split_precision(name)[0]).backbone
    return resolve_backbone(session, name)


def _in_precision(found: ModelRecord, precision: str) -> ModelRecord:
    if precision == FLOAT32:
        return found
    detail = found.detail and {
        **found.detail,
        "space": {**found.detail["space"], "precision": precision},
    }
    name = at_precision(split_precision(found.name)[0], precision)
    return replace(found, name=name, is_default=False, detail=detail)


def _find(session: Session, name: str) -> ModelRecord | None:
    found = models.get_model(session, name)
    if found is None and name.count(".") == 1:
        return models.get_default_backbone(session, *name.split("."))
    return found


def resolve_version(session: Session, name: str) -> VersionRecord:
    """The version that `pets` (the newest), `pets:3` or `pets@champion` names."""
    match = VERSION_NAME.fullmatch(name)
    model = models.get_model(session, match["name"]) if match else None
    if match is None or model is None:
        raise unknown("model", name, models.model_names(session))
    number = int(match["version"]) if match["version"] else None
    if match["alias"]:
        number = require_alias(session, model, match["alias"])
    return require_version(session, model.name, number)


def require_model(session: Session, name: str) -> ModelRecord:
    """A model by its name, of either kind."""
    found = models.get_model(session, name)
    if found is None and is_own(name):
        raise unknown("model", name, models.model_names(session))
    return found or resolve_backbone(session, name)


def require_version(session: Session, name: str, number: int | None) -> VersionRecord:
    """A version by number, or with None the newest that is not archived."""
    version = models.get_version(session, name, number)
    if version is not None:
        return version
    newest = models.get_version(session, name, None)
    known = f"its newest version is {newest.version}" if newest else "all that it has are archived"
    wanted = "newest version" if number is None else f"version {number}"
    raise NotFoundError(f"no {wanted} of model {name!r}; {known}", code="unknown_version")


def require_alias(session: Session, model: ModelRecord, alias: str) -> int:
    """The version number that an alias names."""
    number = models.get_alias(session, model.id, alias)
    if number is None:
        known = [record.alias for record in models.list_aliases(session, model.id)]
        raise unknown("alias", f"{model.name}@{alias}", [f"{model.name}@{a}" for a in known])
    return number


def _check_plugin(session: Session, name: str) -> None:
    plugin = plugins.get_plugin(session, name)
    if plugin is None and all(installed.name != name for installed in installed_plugins()):
        return
    if plugin is None or plugin.state == "pending":  # None: the keeper has yet to see it
        raise UnavailableError(
            f"plugin {name!r} is being described; try again in a moment", code="plugin_pending"
        )
    if plugin.state != "ready":
        raise PluginError(f"plugin {name!r} is {plugin.state}: {plugin.reason}", plugin=name)
