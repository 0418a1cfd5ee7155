"""The whole service in one process: HTTP in, eager Celery, a real predictor without a socket."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.backbone import Plugin
from zoo.catalog import models, plugins
from zoo.errors import InvalidError
from zoo.inference.predictor import PredictorApp, create_predictor
from zoo.jobs.doorbell import Doorbell, make_celery
from zoo.jobs.keeper import Keeper
from zoo.names import OWN_NAME
from zoo.predictor import Predictor
from zoo.registry.cards import check_cards
from zoo.search.collection import Searches
from zoo.settings import Settings
from zoo.testing import tiny
from zoo.testing.asking import Asking, Json
from zoo.testing.distributions import VERSION, Given, distribution_of

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class ZooService(Asking):
    """A service whose work is done before the request that asked for it is answered.

    Catalog, files, picture sandbox, workers' code and models are the real ones; nothing listens
    and no other process runs but the sandboxes. The tiny backbone is installed; installed
    plugins are known once they have been described (`refresh_plugins`).
    """

    def __init__(self, settings: Settings) -> None:
        _migrations().upgrade(settings.resolved_database_url)
        self.settings = settings
        self.context = _workers("context").make_context(settings, "worker_eager")
        self.predictor_in_process = _PredictorInProcess(settings)
        self.predictor = Predictor(
            "tcp://predictor:8701", timeout_s=60, asking=self.predictor_in_process
        )
        celery = make_celery(settings, is_eager=True)
        _workers("tasks").register(celery, lambda: self.context)
        catalog = self.context.catalog
        self.keeper = Keeper(catalog, settings, ring=Doorbell(celery).ring)
        self.services = importlib.import_module("zoo_api.services").Services(
            settings=settings,
            catalog=catalog,
            blobs=self.context.blobs,
            predictor=self.predictor,
            searches=Searches(catalog, self.context.blobs),
            after_commit=self._relay_unless_held,
            fresh_s=0,  # plugins come and go between two requests
        )
        self._is_held = False
        self._given: list[Given] = []
        self.client = self.client_with()
        self.install_backbone(tiny.plugin, name=tiny.NAME)

    @property
    def home(self) -> Path:
        """The folder that holds everything."""
        return self.settings.home

    def client_with(self, **changed: Any) -> FlaskClient:  # of any setting's type
        """Flask's test client of the same service under other settings."""
        settings = replace(self.settings, **changed)
        services = replace(self.services, settings=settings)
        create_app = importlib.import_module("zoo_api.app").create_app
        client: FlaskClient = create_app(settings, services=services).test_client()
        return client

    def close(self) -> None:
        """End what was started and take back what was installed."""
        for given in self._given:
            given.close()
        self.context.sandbox.close()
        self.predictor.close()
        self.context.catalog.close()

    def install_backbone(self, plugin: Plugin, *, name: str) -> list[str]:
        """Have this service know a plugin object under a name; returns its models' names.

        It needs no distribution and no entry point. Raises `PluginError` for cards that no
        service would take, `InvalidError` for a name that is not allowed or taken.
        """
        if not OWN_NAME.fullmatch(name):
            raise InvalidError(f"plugin name {name!r} is not allowed; use a-z, 0-9, '_' and '-'")
        cards = check_cards(name, plugin.describe())
        self._given.append(Given(name, plugin))
        model_rows = _workers("describe").model_rows
        rows = [row for card in cards for row in model_rows(name, card)]
        with self.context.catalog.write() as session:
            plugins.expect_plugin(
                session,
                name,
                distribution=distribution_of(name),
                version=VERSION,
                state="pending",
                reason="",
            )
            plugins.describe_plugin(session, name, state="ready", reason="", models=rows)
            names = models.model_names(session)
        return [model for model in names if model.startswith(f"{name}.")]

    def refresh_plugins(self, *names: str) -> dict[str, Json]:
        """Notice what has been installed, as `zoo plugin refresh` does; all plugins by name."""
        self.post_json("/v1/plugins/refresh", {"plugins": list(names)})
        return self.plugins()

    def relay(self) -> None:
        """Publish wake-ups, and with eager Celery do the work, until nothing waits."""
        while self.keeper.relay():
            continue

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Leave queued what is asked for meanwhile; it runs with the next `relay`."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

    def _relay_unless_held(self) -> None:
        if not self._is_held:
            self.relay()


class _PredictorInProcess:
    """Starts the predictor with the first request: a test without models never pays for torch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: PredictorApp | None = None

    def ask(self, question: bytes) -> bytes:
        """The answer."""
        if self._app is None:
            self._app = create_predictor(self._settings)
        return self._app.answer(question)

    def close(self) -> None:
        if self._app is not None:
            self._app.close()


def _workers(module: str) -> Any:  # a module: the core may not import it
    return importlib.import_module(f"zoo_workers.{module}")


def _migrations() -> Any:  # likewise
    return importlib.import_module("zoo_migrations")
