"""A service of processes started one by one, as on several machines: two of each on PostgreSQL."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.live import LiveService, environment, eventually
from zoo.settings import load_settings
from zoo.supervisor import broker

FAST = {"ZOO_BEAT_EVERY_S": "0.5", "ZOO_BEAT_LOST_S": "3", "ZOO_RECONCILE_EVERY_S": "0.5"}


class Cluster:
    """Processes that share a database, a broker and a home; each is started by its module."""

    def __init__(self, home: Path, database_url: str, settings: Mapping[str, str] = {}) -> None:
        self.home = home
        self._settings = load_settings({}, home=home)
        self._environment = {
            **environment(),
            **FAST,
            "ZOO_HOME": str(home),
            "ZOO_DATABASE_URL": database_url,
            "ZOO_WORKER_PROCESSES": "1",
            "OMP_NUM_THREADS": "1",
            **settings,
        }
        self._started: list[subprocess.Popen[bytes]] = []
        self._log = home.parent / f"{home.name}.log"

    def start_broker(self) -> None:
        for name in ("run/broker", "logs", "tmp"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self._settings.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._start(*broker.broker_command(self._settings))
        socket = self._settings.runtime_dir / broker.SOCKET
        eventually(lambda: broker.is_answering(socket), what="the broker starts")

    def start(self, module: str, **more: str) -> subprocess.Popen[bytes]:
        """One process by its module's name."""
        return self._start(sys.executable, "-P", "-m", module, **more)

    def start_api(self) -> LiveService:
        """One API on a port of its own, to be spoken to when it is ready."""
        service = LiveService(self.home)
        service.process = self.start("zoo_api", ZOO_PORT=str(service.port))
        return service

    def end(self) -> None:
        """Leave nothing of it, whatever a test did."""
        for one in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait(10)

    def _start(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            started = subprocess.Popen(
                command,
                env={**self._environment, **more},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(started)
        return started


@contextlib.contextmanager
def cluster(home: Path, database_url: str, settings: Mapping[str, str] = {}) -> Iterator[Cluster]:
    """A broker and nothing else yet."""
    made = Cluster(home, database_url, settings)
    try:
        made.start_broker()
        yield made
    finally:
        made.end()
