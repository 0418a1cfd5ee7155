"""Runs the whole service in one terminal until somebody stops it."""

import http
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import structlog
from rich.console import Console
from rich.markup import escape

import zoo
from zoo.devices import cuda_devices
from zoo.errors import StartError
from zoo.settings import Settings
from zoo.supervisor import broker, parts, plan, preflight
from zoo.supervisor.home import locked_home
from zoo.supervisor.processes import ChildSpec, Death, Processes
from zoo.supervisor.signals import StopSignals, listening

DEATHS_BEFORE_READY = 5
BROKER_PATIENCE_S = 20.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not bound here, only asked
"""Addresses that listen but cannot be asked, and those that answer for them here."""
OWN_NEEDS = ("database", "disk")
"""The parts without which an api serves nothing."""
READY_S = 3.0  # it asks parts that may hang
_TICK_S = 0.1
_IDLE_S = 1.0


def up(settings: Settings) -> None:
    """Start everything, keep it running, return when asked to stop and all has ended.

    Raises `StartError` when it cannot start as configured.
    """
    preflight.check_configuration(settings)
    gpus = cuda_devices(settings)
    with locked_home(settings):
        preflight.check_port(settings.host, settings.port)
        Service(plan.settled(settings, gpus), gpus, Console(highlight=False)).run()


class Service:
    """One run of the service on a locked home."""

    def __init__(self, settings: Settings, gpus: Sequence[str], console: Console) -> None:
        self._settings = settings
        self._gpus = gpus
        self._console = console
        self._log = structlog.get_logger()
        self._processes = Processes(plan.child_environment(settings, os.environ))
        self._is_ready = False

    def run(self) -> None:
        """Start, watch, stop."""
        with listening() as stops:
            try:
                self._start(stops)
                self._watch(stops)
            finally:
                self._processes.stop(plan.STOP_ORDER, is_urgent=lambda: stops.is_urgent)
        self._console.print("FeatureZoo has stopped")

    def _start(self, stops: StopSignals) -> None:
        for complaint in parts.complaints():
            self._console.print(escape(complaint), soft_wrap=True)
        specification = plan.broker_spec(self._settings)
        if specification:
            self._start_broker(specification, stops)
        # By name: the core may not import the migrations.
        import_module("zoo_migrations").upgrade(self._settings.resolved_database_url)
        for spec in plan.service_specs(self._settings, self._gpus):
            self._processes.start(spec)

    def _start_broker(self, spec: ChildSpec, stops: StopSignals) -> None:
        path = self._settings.runtime_dir / broker.SOCKET
        broker.stop_leftover(path)
        self._processes.start(spec)
        deadline = time.monotonic() + BROKER_PATIENCE_S
        while not broker.is_answering(path) and not stops.is_stopping:
            if "broker" not in self._processes.pids() or time.monotonic() > deadline:
                log = self._settings.home / "logs" / "broker.log"
                raise StartError(f"the broker does not start{_last_words(log)}")
            stops.sleep(0.02)

    def _watch(self, stops: StopSignals) -> None:
        while not stops.is_stopping:
            for death in self._processes.tend():
                self._report(death)
            if not self._is_ready and is_ready(self._settings):
                self._is_ready = True
                self._welcome()
            stops.sleep(_IDLE_S if self._is_ready else _TICK_S)

    def _report(self, death: Death) -> None:
        if not self._is_ready and (death.is_refusal or death.in_a_row >= DEATHS_BEFORE_READY):
            raise StartError(f"the {death.name} cannot start: it ended with {death.reason}")
        self._log.warning(
            "process_died", name=death.name, reason=death.reason, again_in_s=death.again_in_s
        )

    def _welcome(self) -> None:
        settings = self._settings
        gpus = f"GPUs: {escape(', '.join(self._gpus))}\n" if self._gpus else ""
        self._console.print(
            f"[bold]FeatureZoo {zoo.__version__}[/bold] listens on [bold]{url(settings)}[/bold]\n"
            f"home: {escape(str(settings.home))}\n{gpus}"
            "stop it with Ctrl-C",
            soft_wrap=True,
        )
        sys.stdout.flush()


def url(settings: Settings) -> str:
    """Where the service listens."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def is_ready(settings: Settings) -> bool:
    """Whether the API says that it serves requests, whatever it says of the other parts."""
    answer = _ask_ready(settings)
    if answer is None or answer[0] == http.HTTPStatus.OK:
        return answer is not None
    parts = _parts_in(answer[1])
    return bool(parts) and all(parts.get(name) == "ready" for name in OWN_NEEDS)


def parts_down(settings: Settings) -> Mapping[str, str]:
    """Why parts of the service that runs here are down, by their names."""
    answer = _ask_ready(settings)
    said = _parts_in(answer[1]) if answer else {}
    return {name: text for name, text in said.items() if text not in ("ready", "starting")}


def _ask_ready(settings: Settings) -> tuple[int, bytes] | None:
    settings = replace(settings, host=EVERYWHERE.get(settings.host, settings.host))
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url(settings)}/readyz", timeout=READY_S) as response:
            return int(response.status), response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return None


def _parts_in(answer: bytes) -> Mapping[str, str]:
    try:
        return dict(json.loads(answer)["parts"])
    except (ValueError, KeyError, TypeError):
        return {}


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return f": {lines[-1]}" if lines else f"; see {log}"
