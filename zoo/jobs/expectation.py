"""Noticing which plugins are installed, by their metadata alone, and having new ones described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from zoo.catalog import Catalog, Session, jobs, plugins
from zoo.catalog.records import PluginRecord
from zoo.jobs.intake import submit_describe
from zoo.registry.plugins import InstalledPlugin, installed_plugins


def expect_plugins(catalog: Catalog) -> list[str]:
    """Compare what is installed with the catalog; returns the plugins that will be described.

    A plugin is described once per version; a name that two distributions claim is broken.
    """
    found = sorted(installed_plugins(), key=lambda plugin: plugin.name)
    return catalog.transact(lambda session: _expect(session, found))


def _expect(session: Session, found: Sequence[InstalledPlugin]) -> list[str]:
    known = {plugin.name: plugin for plugin in plugins.list_plugins(session)}
    plugins.forget_plugins(session, known.keys() - {plugin.name for plugin in found})
    _refuse_twins(session, found)
    new = [one for one in _single(found) if _is_new(one, known.get(one.name))]
    for plugin in new:
        plugins.expect_plugin(
            session,
            plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            state="pending",
            reason="",
        )
        plugins.clear_details(session, plugin.name)
    asked = {job.spec["plugin"] for job in jobs.live_jobs(session, "describe")}
    for plugin in new:
        if plugin.name not in asked:
            submit_describe(session, plugin.name)
    return [plugin.name for plugin in new]


def _is_new(plugin: InstalledPlugin, known: PluginRecord | None) -> bool:
    return (
        known is None
        or (known.distribution, known.version) != (plugin.distribution, plugin.version)
        or known.state in ("pending", "unavailable")
    )


def _single(found: Iterable[InstalledPlugin]) -> list[InstalledPlugin]:
    found = list(found)
    counts = Counter(plugin.name for plugin in found)
    return [plugin for plugin in found if counts[plugin.name] == 1]


def _refuse_twins(session: Session, found: Iterable[InstalledPlugin]) -> None:
    found = list(found)
    counts = Counter(plugin.name for plugin in found)
    for name in (name for name, count in counts.items() if count > 1):
        givers = sorted(plugin.distribution for plugin in found if plugin.name == name)
        plugins.expect_plugin(
            session,
            name,
            distribution=givers[0],
            version="",
            state="broken",
            reason=f"{' and '.join(givers)} both give a plugin named {name!r}; uninstall one",
        )
