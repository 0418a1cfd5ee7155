"""Makes plugins installed for a while: an object of this process, or a folder of source."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from zoo.backbone import ENTRY_POINT_GROUP, Plugin
from zoo.errors import InvalidError

VERSION = "0"
_PREFIX = "_zoo_given_"


def write_distribution(
    folder: Path, name: str, *, version: str, plugins: Mapping[str, str]
) -> Path:
    """Make `folder` tell of an installed distribution; `plugins` maps names to entry points.

    Who has the folder on its path (`sys.path`, `PYTHONPATH`) finds the plugins by metadata.
    """
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8"
    )
    lines = [f"[{ENTRY_POINT_GROUP}]", *(f"{key} = {value}" for key, value in plugins.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def distribution_of(plugin_name: str) -> str:
    """The distribution that a given object appears to come from."""
    return f"zoo-given-{plugin_name.replace('_', '-')}"


class Given:
    """A plugin object that this process finds under a name as if it were installed.

    The same object may be given several times; the last `close` takes it away.
    """

    def __init__(self, name: str, plugin: Plugin) -> None:
        self._module_name = f"{_PREFIX}{name.replace('-', '_')}"
        known = sys.modules.get(self._module_name)
        if known is None:
            known = _install(name, plugin, self._module_name)
        elif known.plugin is not plugin:
            raise InvalidError(
                f"another plugin object is installed as {name!r}; close its service first or "
                "choose another name"
            )
        known.owners.add(id(self))

    def close(self) -> None:
        """Give it up."""
        module = sys.modules.get(self._module_name)
        if module is None or id(self) not in module.owners:
            return
        module.owners.remove(id(self))
        if not module.owners:
            del sys.modules[self._module_name]
            sys.meta_path.remove(module.finder)
            shutil.rmtree(module.finder.folder)


class _Finder(MetaPathFinder):
    """Shows one distribution to this process, whatever becomes of `sys.path` meanwhile."""

    def __init__(self, folder: Path, distribution: str) -> None:
        self.folder = folder
        self._name = distribution

    def find_spec(self, *_: object) -> None:
        """There is no module to find: the plugin's is in `sys.modules`."""

    def find_distributions(
        self, context: metadata.DistributionFinder.Context | None = None
    ) -> Iterator[metadata.Distribution]:
        """The distribution, if it or any is looked for."""
        if context is None or context.name in (None, self._name):
            yield from map(metadata.PathDistribution, self.folder.glob("*.dist-info"))


def _install(name: str, plugin: Plugin, module_name: str) -> ModuleType:
    folder = Path(tempfile.mkdtemp(prefix="zoo-given-"))
    entry = f"{module_name}:plugin"
    write_distribution(folder, distribution_of(name), version=VERSION, plugins={name: entry})
    module = ModuleType(module_name)
    finder = _Finder(folder, distribution_of(name))
    vars(module).update(plugin=plugin, finder=finder, owners=set())
    sys.modules[module_name] = module
    sys.meta_path.append(finder)
    return module
