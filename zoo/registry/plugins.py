"""Which plugins are installed, read from package metadata, and how one is brought into memory."""

from __future__ import annotations

import importlib
import site
import sys
from dataclasses import dataclass
from importlib import metadata

from zoo.backbone import ENTRY_POINT_GROUP, Plugin
from zoo.errors import PluginError


@dataclass(frozen=True, kw_only=True)
class InstalledPlugin:
    """An entry point of the plugin group; nothing of it has been imported."""

    name: str
    distribution: str
    version: str
    value: str  # "module:attribute"


def installed_plugins() -> tuple[InstalledPlugin, ...]:
    """Every plugin installed by now, by name, duplicates included; imports none of them."""
    found = (_installed(entry) for entry in metadata.entry_points(group=ENTRY_POINT_GROUP))
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.distribution)))


def notice_installed() -> None:
    """Let this process find what was installed after it had started, editable or not."""
    importlib.invalidate_caches()
    for folder in (*site.getsitepackages(), site.getusersitepackages()):
        # An editable installation is a .pth file, which only the start of a process reads.
        if folder in sys.path:
            site.addsitedir(folder)


def load_plugin(name: str) -> Plugin:
    """Import a plugin; raises `PluginError` with the reason, an `ImportError` as its cause."""
    notice_installed()
    entry = _entry_point(name)
    try:
        plugin = entry.load()
    except (Exception, SystemExit) as error:  # a stranger's code: anything may come of it
        raise PluginError(
            f"plugin {name!r} could not be imported: {type(error).__name__}: {error}", plugin=name
        ) from error
    if not isinstance(plugin, Plugin):
        raise PluginError(
            f"plugin {name!r} is a {type(plugin).__name__} without describe() and load()",
            plugin=name,
        )
    return plugin


def _entry_point(name: str) -> metadata.EntryPoint:
    found = tuple(metadata.entry_points(group=ENTRY_POINT_GROUP, name=name))
    if len(found) == 1:
        return found[0]
    if not found:
        raise PluginError(
            f"no plugin {name!r} is installed", plugin=name, code="plugin_not_installed"
        )
    owners = " and ".join(sorted(_installed(entry).distribution for entry in found))
    raise PluginError(
        f"plugin {name!r} is installed {len(found)} times, by {owners}; uninstall all but one",
        plugin=name,
        code="duplicate_plugin",
    )


def _installed(entry: metadata.EntryPoint) -> InstalledPlugin:
    distribution = entry.dist
    return InstalledPlugin(
        name=entry.name,
        distribution=distribution.name if distribution else "",
        version=distribution.version if distribution else "",
        value=entry.value,
    )
