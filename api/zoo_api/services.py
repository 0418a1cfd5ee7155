"""What the views work with, put together once an application."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import current_app

from zoo.catalog import Catalog, open_catalog
from zoo.predictor import Predictor
from zoo.search.collection import Searches
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, open_blobs

MOST_STREAMS = 8
"""Event streams a process serves at once: each holds one of its threads."""
MOST_WAITS = 16
"""Requests that wait for a job's end at once: each holds a thread likewise."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts that views use; `after_commit` is told when work was queued."""

    settings: Settings
    catalog: Catalog
    blobs: BlobStore
    predictor: Predictor
    searches: Searches
    after_commit: Callable[[], None]
    fresh_s: float = 0.5  # how old what is known of a backbone, or of the queue, may be
    streams: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_STREAMS)
    )
    waits: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_WAITS)
    )


def make_services(
    settings: Settings, *, after_commit: Callable[[], None] = lambda: None
) -> Services:
    """The services of one process; everything connects on first use."""
    catalog = open_catalog(settings.resolved_database_url, is_hasty=True)  # callers wait
    blobs = open_blobs(settings)
    return Services(
        settings=settings,
        catalog=catalog,
        blobs=blobs,
        predictor=Predictor(settings.resolved_predictor_url, timeout_s=settings.predict_timeout_s),
        searches=Searches(catalog, blobs),
        after_commit=after_commit,
    )


def services() -> Services:
    """The services of the application that answers."""
    found: Services = current_app.extensions["zoo"]
    return found
