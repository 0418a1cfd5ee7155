"""Noticing which plugins are installed, by their metadata alone, and having new ones described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence

from zoo.catalog import Catalog, Session, jobs, plugins
from zoo.catalog.records import PluginRecord
from zoo.jobs.intake import submit_describe
from zoo.names import unknown
from zoo.registry.plugins import InstalledPlugin, installed_plugins, notice_installed
from zoo.settings import Settings

UNSETTLED = frozenset({"pending", "unavailable", "disabled"})
"""States in which a plugin is asked again whenever the service starts."""
NOT_READY = UNSETTLED | {"broken"}


def expect_plugins(
    catalog: Catalog,
    settings: Settings,
    *,
    retried: Container[str] = UNSETTLED,
    named: frozenset[str] = frozenset(),
) -> list[str]:
    """Compare what is installed with the catalog; returns the plugins that will be described.

    A plugin is described once per version, again while its state is one of `retried` or if it
    is `named`; a name that two distributions claim is broken. Raises `NotFoundError` for a
    named plugin that is not installed.
    """
    notice_installed()
    installed = sorted(installed_plugins(), key=lambda plugin: plugin.name)
    found = [one for one in installed if one.name not in settings.left_alone]
    disabled = [one for one in installed if one.name in settings.left_alone]
    _check_installed(named, found)

    def is_new(plugin: InstalledPlugin, known: PluginRecord | None) -> bool:
        return plugin.name in named or _is_new(plugin, known, retried)

    return catalog.transact(lambda session: _expect(session, found, disabled, is_new=is_new))


def _expect(
    session: Session,
    found: Sequence[InstalledPlugin],
    disabled: Sequence[InstalledPlugin],
    *,
    is_new: Callable[[InstalledPlugin, PluginRecord | None], bool],
) -> list[str]:
    known = {plugin.name: plugin for plugin in plugins.list_plugins(session)}
    plugins.forget_plugins(session, known.keys() - {plugin.name for plugin in found})
    _disable(session, disabled)
    _refuse_twins(session, found)
    new = [one for one in _single(found) if is_new(one, known.get(one.name))]
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


def _check_installed(named: Iterable[str], found: Iterable[InstalledPlugin]) -> None:
    installed = {plugin.name for plugin in found}
    for name in named:
        if name not in installed:
            raise unknown("plugin", name, installed)


def _is_new(plugin: InstalledPlugin, known: PluginRecord | None, retried: Container[str]) -> bool:
    return (
        known is None
        or (known.distribution, known.version) != (plugin.distribution, plugin.version)
        or known.state in retried
    )


def _single(found: Iterable[InstalledPlugin]) -> list[InstalledPlugin]:
    found = list(found)
    counts = Counter(plugin.name for plugin in found)
    return [plugin for plugin in found if counts[plugin.name] == 1]


def _disable(session: Session, plugins_left_alone: Iterable[InstalledPlugin]) -> None:
    for plugin in plugins_left_alone:
        plugins.expect_plugin(
            session,
            plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            state="disabled",
            reason="ZOO_DISABLED_PLUGINS names it",
        )


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
