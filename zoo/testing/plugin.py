"""The pytest plugin: fixtures only, and nothing of ours is imported until one is asked for."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from zoo.settings import Settings
    from zoo.testing.service import ZooService

MakeZooService: TypeAlias = "Callable[..., ZooService]"
CATALOG = "catalog.sqlite3"
OWN_DISTRIBUTION = "featurezoo"
SMALL = "lite"
"""Our own plugin that is described in a moment; the others take seconds."""


@pytest.fixture(scope="session")
def zoo_disabled_plugins() -> str:
    """Installed plugins that test services leave alone, comma-separated; override it to choose.

    By itself: all of featurezoo's own but `lite`, as some take seconds to describe themselves.
    """
    found = importlib.import_module("zoo.registry.plugins").installed_plugins()
    own = (one.name for one in found if one.distribution == OWN_DISTRIBUTION)
    return ",".join(sorted({name for name in own if name != SMALL}))


@pytest.fixture
def zoo_settings() -> dict[str, object]:
    """Settings of `zoo_service`, by field of `zoo.settings.Settings`; override it to choose."""
    return {}


@pytest.fixture(scope="session")
def make_zoo_service(
    tmp_path_factory: pytest.TempPathFactory, zoo_disabled_plugins: str
) -> Iterator[MakeZooService]:
    """Makes services with settings as keywords; all are closed at the end of the session."""
    maker = _Maker(
        new_folder=lambda: tmp_path_factory.mktemp("zoo"), disabled_plugins=zoo_disabled_plugins
    )
    yield maker.make
    for service in maker.made:
        service.close()


@pytest.fixture
def zoo_service(
    make_zoo_service: MakeZooService, zoo_settings: dict[str, object]
) -> Iterator[ZooService]:
    """A service of its own for each test: `zoo.testing.service.ZooService`."""
    service = make_zoo_service(**zoo_settings)
    yield service
    service.close()


@dataclass(kw_only=True)
class _Maker:
    """Makes services whose catalog is a copy of one that knows the installed plugins."""

    new_folder: Callable[[], Path]
    disabled_plugins: str
    made: list[ZooService] = field(default_factory=list)
    _described: dict[str, Path] = field(default_factory=dict)

    def make(self, **changed: Any) -> ZooService:  # settings of any type
        settings = self._settings(**changed)
        if settings.database_url:  # nothing to copy into
            _describe(settings)
        else:
            shutil.copy(
                self._described_catalog(settings.disabled_plugins), settings.home / CATALOG
            )
        self.made.append(_open(settings))
        return self.made[-1]

    def _described_catalog(self, disabled: str) -> Path:
        """The catalog of a service that has had the installed plugins described."""
        if disabled not in self._described:
            settings = self._settings(disabled_plugins=disabled)
            _describe(settings)
            self._described[disabled] = settings.home / CATALOG
        return self._described[disabled]

    def _settings(self, **changed: Any) -> Settings:
        load: Callable[..., Settings] = importlib.import_module("zoo.settings").load_settings
        known = {
            "home": self.new_folder(),
            "disabled_plugins": self.disabled_plugins,
            # A backbone that is installed as an object is there in this process only.
            "engine": "eager",
            "device": "cpu",  # the same numbers on every machine
            "plugin_wait_s": 0.2,  # eager work is done; what is pending then stays so
        }
        return load({}, **{**known, **changed})


def _describe(settings: Settings) -> None:
    """Have the installed plugins described, before anything strikes that is to be tested."""
    service = _open(replace(settings, fault=""))
    service.refresh_plugins()
    service.close()


def _open(settings: Settings) -> ZooService:
    service: ZooService = importlib.import_module("zoo.testing.service").ZooService(settings)
    return service
