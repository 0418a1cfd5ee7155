"""What `docker/compose.yaml` says, read and started as local processes."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.live import environment

FOLDER = Path(__file__).resolve().parents[1] / "docker"
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service of the file, its variables replaced by their values."""

    command: list[str]
    environment: dict[str, str]
    health: list[str]


def read_services(values: Mapping[str, str]) -> dict[str, Service]:
    """The services under these variables, as `docker compose` would read them."""
    text = (FOLDER / "compose.yaml").read_text()
    found = _filled(yaml.safe_load(text)["services"], values)
    return {name: _service(fields, values) for name, fields in found.items()}


def entrypoint() -> list[str]:
    """What the image puts before each command of ours."""
    text = (FOLDER / "Dockerfile.cpu").read_text()
    [line] = re.findall(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)
    return list(json.loads(line))


def _service(fields: Mapping[str, Any], values: Mapping[str, str]) -> Service:
    given = {
        name: values.get(name) if value is None else str(value)
        for name, value in fields["environment"].items()
    }
    return Service(
        command=[*(entrypoint() if "build" in fields else []), *fields.get("command", [])],
        environment={name: value for name, value in given.items() if value is not None},
        health=list(fields["healthcheck"].get("test", [])),
    )


def _filled(given: Any, values: Mapping[str, str]) -> Any:
    if isinstance(given, str):
        return VARIABLE.sub(lambda found: _value(found, values), given)
    if isinstance(given, list):
        return [_filled(one, values) for one in given]
    if isinstance(given, dict):
        return {name: _filled(one, values) for name, one in given.items()}
    return given


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    value = values.get(found[1], "")
    if not value and found[2] == "?":
        raise KeyError(f"{found[1]}: {found[3]}")
    return value or (found[3] if found[2] == "-" else "")


class Machine:
    """Runs services of the file here, their hosts, ports and folders replaced by ours."""

    def __init__(self, services: Mapping[str, Service], *, places: Mapping[str, str], log: Path):
        self._services = services
        self._places = places
        self._log = log
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a service, or start it again."""
        with self._log.open("ab") as log:
            self._started[name] = subprocess.Popen(
                self._here(self._services[name].command),
                env=self._environment(name, more),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._started[name]

    def run(self, name: str, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`docker compose run name command`; the service's own command if none is given."""
        mine = [*entrypoint(), *command] if command else self._services[name].command
        return self._run(name, mine, more)

    def check(self, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the health check of a service of ours."""
        [kind, *command] = self._services[name].health
        assert kind == "CMD"
        return self._run(name, command, more)

    def kill(self, name: str) -> None:
        """End a service as a crash would."""
        started = self._started[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait(10)

    def end(self) -> None:
        """Leave nothing of it."""
        for name in self._started:
            self.kill(name)

    def said(self) -> str:
        """What all services wrote."""
        return self._log.read_text()

    def _run(
        self, name: str, command: list[str], more: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._here(command),
            env=self._environment(name, more),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _here(self, command: list[str]) -> list[str]:
        [first, *rest] = map(self._placed, command)
        return [sys.executable, "-P", "-m", "zoo.cli", *rest] if first == "zoo" else [first, *rest]

    def _environment(self, name: str, more: Mapping[str, str]) -> dict[str, str]:
        given = self._services[name].environment
        return {**environment(), **{k: self._placed(v) for k, v in given.items()}, **more}

    def _placed(self, text: str) -> str:
        for theirs, ours in self._places.items():
            text = text.replace(theirs, ours)
        return text


@contextlib.contextmanager
def machine(
    services: Mapping[str, Service], *, places: Mapping[str, str], log: Path
) -> Iterator[Machine]:
    """A machine on which nothing runs yet, and nothing does afterwards."""
    made = Machine(services, places=places, log=log)
    try:
        yield made
    finally:
        made.end()
