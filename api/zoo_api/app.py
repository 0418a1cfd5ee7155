"""The application: settings in, routes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from zoo.settings import Settings
from zoo_api import guards, problems
from zoo_api import metrics as metrics_of
from zoo_api.addresses import VersionNumber
from zoo_api.aliases import aliases
from zoo_api.artifacts import artifacts
from zoo_api.backbones import BackboneShelf
from zoo_api.bodies import CheckedBodies
from zoo_api.cards import cards
from zoo_api.classify import classify
from zoo_api.collections import collections
from zoo_api.curves import curves
from zoo_api.dataset_versions import dataset_versions
from zoo_api.datasets import datasets
from zoo_api.documentation import documentation
from zoo_api.embeddings import embeddings
from zoo_api.events import events
from zoo_api.examples import examples
from zoo_api.features import features
from zoo_api.forms import LoudRequest
from zoo_api.item_images import item_images
from zoo_api.item_texts import item_texts
from zoo_api.items import items
from zoo_api.job_files import job_files
from zoo_api.jobs import jobs
from zoo_api.json_answers import FastJson
from zoo_api.keyring import KeyRing
from zoo_api.keys import keys
from zoo_api.lineage import lineage
from zoo_api.metrics import metrics
from zoo_api.models import models
from zoo_api.plugins import plugins
from zoo_api.readiness import Readiness
from zoo_api.reports import reports
from zoo_api.retiring import retiring
from zoo_api.room import Room
from zoo_api.search import search
from zoo_api.services import Services, make_services
from zoo_api.sessions import sessions
from zoo_api.sources import sources
from zoo_api.system import system
from zoo_api.version_examples import version_examples

BLUEPRINTS = (
    aliases,
    artifacts,
    cards,
    classify,
    collections,
    curves,
    dataset_versions,
    datasets,
    documentation,
    embeddings,
    events,
    examples,
    features,
    item_images,
    item_texts,
    items,
    job_files,
    jobs,
    keys,
    lineage,
    metrics,
    models,
    plugins,
    reports,
    retiring,
    search,
    sessions,
    sources,
    system,
    version_examples,
)


class Application(Flask):
    """Flask, told that no view is a coroutine: it would look at a dozen functions a request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func


def create_app(settings: Settings, *, services: Services | None = None) -> Flask:
    """An application on a home whose schema is up to date."""
    app = Application("zoo_api", static_folder=None)
    app.json = FastJson(app)
    app.request_class = LoudRequest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.config["MAX_FORM_PARTS"] = settings.max_parts
    parts = services or make_services(settings)
    app.extensions["zoo"] = parts
    app.extensions["zoo_keys"] = KeyRing(parts.catalog)
    app.extensions["zoo_backbones"] = BackboneShelf(fresh_s=parts.fresh_s)
    app.extensions["zoo_room"] = Room(fresh_s=parts.fresh_s)
    app.extensions["zoo_readiness"] = Readiness(parts)
    app.url_map.converters["version"] = VersionNumber
    problems.register(app)
    metrics_of.register(app, parts)
    guards.register(app, rate_limit=settings.rate_limit)
    app.wsgi_app = CheckedBodies(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own advice
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
