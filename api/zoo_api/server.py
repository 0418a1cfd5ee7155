"""gunicorn around the application: one process that owns the indexes, many threads."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it ships none

from zoo import leash, logs
from zoo.settings import Settings
from zoo_api.draining import DrainingWorker, Reloads

if TYPE_CHECKING:
    from flask import Flask

GRACE_S = 3
KEEP_ALIVE_S = 15


class ApiServer(BaseApplication):  # type: ignore[misc]  # untyped, so Any
    """The API of one home on one address."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.reloads = Reloads()
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn up without a file and without its command line."""
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in the worker, after the fork: faiss and connections belong to it alone."""
        # What is loaded here stays: to look for garbage among it makes a start a fifth slower, and
        # would hold up requests later.
        gc.disable()
        try:
            # By name, so that the master, which only watches, stays small.
            app: Flask = import_module("zoo_api.app").create_app(self._settings)
        finally:
            gc.enable()
        gc.freeze()
        return app

    def _options(self) -> dict[str, object]:
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return {
            "bind": f"{host}:{settings.port}",
            "workers": 1,
            "worker_class": DrainingWorker,
            "threads": settings.api_threads,
            "timeout": 0,  # an upload or a stream may take its time; the supervisor watches
            "graceful_timeout": GRACE_S,
            "keepalive": KEEP_ALIVE_S,
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_tmp_dir": str(settings.touched_dir),
            "on_starting": _take_over_logs,
            "on_reload": self.reloads.note,
            "post_fork": _hold_worker,
        }


def _take_over_logs(_server: object) -> None:
    logs.take_over()


def _hold_worker(_server: object, _worker: object) -> None:
    leash.hold_child()
