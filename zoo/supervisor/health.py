"""Whether one process of the service does its work, asked from beside it: a container's check."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing

from zoo.catalog import Catalog, open_unpooled, workers
from zoo.errors import UnavailableError
from zoo.jobs.keeper import LEASE
from zoo.predictor import Predictor
from zoo.settings import Settings
from zoo.supervisor.up import is_ready, url

PREDICTOR_PATIENCE_S = 5.0
_POLL_S = 0.2


def check_health(process: str, settings: Settings) -> str:
    """A sentence for a process that is well; `UnavailableError` with one for what is not.

    `process` is a key of `CHECKS`. Keepers and workers are known by their counters in the
    catalog, which move every few seconds: it may take `settings.beat_lost_s`.
    """
    return CHECKS[process](settings)


def _check_api(settings: Settings) -> str:
    if is_ready(settings):
        return f"the api at {url(settings)} is ready"
    raise _ill(f"the api at {url(settings)} is not ready")


def _check_predictor(settings: Settings) -> str:
    place = settings.resolved_predictor_url
    with closing(Predictor(place, timeout_s=PREDICTOR_PATIENCE_S)) as predictor:
        if predictor.is_alive():
            return f"the predictor at {place} answers"
    raise _ill(f"the predictor at {place} does not answer")


def _check_keeper(settings: Settings) -> str:
    def count(catalog: Catalog) -> frozenset[object]:
        with catalog.read() as session:
            return frozenset({workers.read_lease(session, LEASE)} - {None})

    if _moves(settings, count):
        return "a keeper leads"
    raise _ill(f"no keeper has led for {settings.beat_lost_s:g} s")


def _check_worker(settings: Settings) -> str:
    node = socket.gethostname()

    def count(catalog: Catalog) -> frozenset[object]:
        with catalog.read() as session:
            rows = workers.list_workers(session)
        return frozenset((row.id, row.beat) for row in rows if row.node == node)

    if _moves(settings, count):
        return f"a worker on {node} is at work"
    raise _ill(f"no worker on {node} has been seen for {settings.beat_lost_s:g} s")


def _moves(settings: Settings, count: Callable[[Catalog], frozenset[object]]) -> bool:
    """Whether something new is counted before the beat would be given up as lost."""
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:
        before = count(catalog)
        deadline = time.monotonic() + settings.beat_lost_s
        while time.monotonic() < deadline:
            time.sleep(_POLL_S)
            if count(catalog) - before:
                return True
    return False


def _ill(detail: str) -> UnavailableError:
    return UnavailableError(detail, code="unhealthy")


CHECKS: dict[str, Callable[[Settings], str]] = {
    "api": _check_api,
    "keeper": _check_keeper,
    "predictor": _check_predictor,
    "worker": _check_worker,
}
