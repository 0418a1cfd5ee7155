"""Runs the predictor: `python -m zoo.inference.serve`, one gunicorn worker with many threads."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it ships none

from zoo import leash, logs
from zoo.devices import cuda_devices
from zoo.errors import StartError
from zoo.inference.predictor import MAX_WAITING, PredictorApp, create_predictor
from zoo.settings import Settings, load_settings

CANNOT_START = 2
_UNIX = "unix://"
_GRACE_S = 5
_KEEP_ALIVE_S = 5  # longer than the client keeps a connection


class PredictorServer(BaseApplication):  # type: ignore[misc]  # untyped, so Any
    """gunicorn around the predictor; its master never imports torch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: PredictorApp | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn up without a file and without its command line."""
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def load(self) -> PredictorApp:
        """Called in the worker, after the fork."""
        self._app = create_predictor(self._settings)
        return self._app

    def _options(self) -> dict[str, object]:
        settings = self._settings
        return {
            "bind": bind_address(settings.resolved_predictor_url),
            "workers": 1,
            "worker_class": "gthread",
            # More than may wait, so that one too many is told so, and liveness is answered.
            "threads": MAX_WAITING + 8,
            "timeout": 0,  # a big model may take minutes to load; the supervisor watches
            "graceful_timeout": _GRACE_S,
            "keepalive": _KEEP_ALIVE_S,
            "umask": 0o077,
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_tmp_dir": str(settings.touched_dir),
            "on_starting": _take_over_logs,
            "post_fork": _hold_worker,
            "worker_exit": self._close,
        }

    def _close(self, _server: object, _worker: object) -> None:
        if self._app is not None:
            self._app.close()


def bind_address(url: str) -> str:
    """A predictor's address as gunicorn writes it: `unix:/path` or `host:port`."""
    if url.startswith(_UNIX):
        return f"unix:{url.removeprefix(_UNIX)}"
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname and parts.port:
        return parts.netloc
    raise StartError(
        f"ZOO_PREDICTOR_URL is {url!r}; it should be unix:///path/of/socket or http://host:port"
    )


def _prepare_socket_folder(url: str) -> None:
    if not url.startswith(_UNIX):
        return
    folder = Path(url.removeprefix(_UNIX)).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _take_over_logs(_server: object) -> None:
    logs.take_over()


def _hold_worker(_server: object, _worker: object) -> None:
    leash.hold_child()


def main() -> None:
    """Serve until told to stop."""
    leash.hold()
    logs.start(process="predictor")
    try:
        settings = load_settings()
        cuda_devices(settings)  # before gunicorn would start workers that cannot, again and again
        settings.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _prepare_socket_folder(settings.resolved_predictor_url)
        server = PredictorServer(settings)
    except StartError as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(CANNOT_START) from error
    server.run()


if __name__ == "__main__":
    main()
