"""The keeper's process: `python -m zoo.jobs.serve`."""

from __future__ import annotations

import signal
import sys
import threading
import time

import structlog

from zoo.catalog import Catalog, open_catalog
from zoo.errors import ConflictError, StartError, UnavailableError
from zoo.jobs.clearing import clear_deleted
from zoo.jobs.doorbell import Doorbell, make_celery
from zoo.jobs.expectation import expect_plugins
from zoo.jobs.keeper import Keeper
from zoo.jobs.retention import Retention
from zoo.leash import hold
from zoo.logs import start
from zoo.settings import Settings, load_settings
from zoo.watchdog import Watchdog

CANNOT_START = 2
PAUSE_AFTER_FAILURE_S = 1.0
LOOK_ANYWAY_S = 0.25

log = structlog.get_logger()


class Relay:
    """Publishes what waits: when something was written, and now and then what has become due."""

    def __init__(self, catalog: Catalog, keeper: Keeper) -> None:
        self._catalog = catalog
        self._keeper = keeper
        self._seen: object | None = None
        self._due = 0.0

    def run(self) -> None:
        """Look, unless nothing can have changed since the last time."""
        stamp = self._catalog.stamp()
        if stamp is not None and stamp == self._seen and time.monotonic() < self._due:
            return
        self._keeper.relay()
        self._seen = stamp  # of before: what was written meanwhile is looked at once more
        self._due = time.monotonic() + LOOK_ANYWAY_S


def keep(settings: Settings, stop: threading.Event) -> None:
    """Relay and reconcile until told to stop; what fails is tried again."""
    catalog = open_catalog(settings.resolved_database_url)
    bell = Doorbell(make_celery(settings))
    keeper = Keeper(catalog, settings, ring=bell.ring, waiting=bell.waiting)
    relay = Relay(catalog, keeper)
    retention = Retention(catalog, settings)
    is_expecting = True
    due = 0.0
    watchdog = Watchdog(settings.stalled_s)
    while not stop.is_set():
        watchdog.feed()
        try:
            if time.monotonic() >= due:
                due = time.monotonic() + settings.reconcile_every_s
                if not keeper.lead():
                    keeper.look_away()
                    stop.wait(settings.reconcile_every_s)
                    continue
                if is_expecting:
                    log.info("plugins_expected", new=expect_plugins(catalog, settings))
                    is_expecting = False
                keeper.reconcile()
                clear_deleted(catalog)
                retention.forget_when_due()
            relay.run()
            stop.wait(settings.relay_every_s)
        except (ConflictError, UnavailableError) as error:
            log.warning("keeper_waits", code=error.code, detail=error.detail)
            keeper.look_away()  # the workers could not beat either
            stop.wait(PAUSE_AFTER_FAILURE_S)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    hold()
    start("keeper")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        keep(load_settings(), stop)
    except StartError as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(CANNOT_START) from error


if __name__ == "__main__":
    main()
