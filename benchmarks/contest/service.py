"""A `zoo up` of its own on a fresh home and a free port, and what its processes cost."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.contest.running import environment
from benchmarks.contest.task import family, own_cpu_s

POLL_S = 0.1
PATIENCE_S = 600.0
OURS = ("lite", "timm", "torchvision", "transformers")
LIVE = ("queued", "running", "cancelling")
PARTS = {
    "zoo/images/child": "sandboxes",
    "zoo_api": "api",
    "zoo.jobs": "keeper",
    "zoo_workers": "workers",
    "zoo.inference.serve": "predictor",
    "zoo.inference.exporting": "export",
    "zoo_workers.describe": "describing",
    "valkey": "broker",
    "redis": "broker",
    "zoo.cli": "supervisor",
}
"""What stands in a process's command line, and the part that it is, the first that fits."""

Json = Mapping[str, Any]


class ServiceError(Exception):
    """The service did not do what it should."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running service."""

    home: Path
    root: psutil.Process
    http: httpx.Client

    def ask(self, method: str, path: str, **request: Any) -> Json:
        """The JSON of an answer; raises `ServiceError` for a refusal."""
        answer = self.http.request(method, path, **request)
        if answer.is_error:
            raise ServiceError(f"{method} {path} answered {answer.status_code}: {answer.text}")
        found: Json = answer.json()
        return found

    def finished(
        self, job: Json, *, patience_s: float = PATIENCE_S, poll_s: float = POLL_S
    ) -> Json:
        """A job once it has succeeded; it is asked for ten times a second."""
        deadline = time.monotonic() + patience_s
        while job["state"] in LIVE:
            if time.monotonic() > deadline:
                raise ServiceError(f"job {job['id']} has not ended after {patience_s:g} s: {job}")
            time.sleep(poll_s)
            job = self.ask("GET", f"/v1/jobs/{job['id']}")
        if job["state"] != "succeeded":
            raise ServiceError(f"job {job['id']} ended as {job['state']}: {job['error']}")
        return job

    def cpu_by_part(self) -> dict[str, float]:
        """CPU seconds of each part of the service so far."""
        parts: dict[str, float] = {}
        for process in family(self.root):
            part = part_of(process)
            parts[part] = parts.get(part, 0.0) + own_cpu_s(process)
        return parts


@contextlib.contextmanager
def serving(home: Path, *, settings: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service that takes requests and knows its models, and is gone after the block.

    `settings` are environment variables on top of the usual ones.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "zoo.cli", "up", "--home", str(home), "--port", str(port)]
    with (home.parent / f"{home.name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**environment(), **(settings or {})},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, trust_env=False
        ) as http:
            service = Service(home=home, root=psutil.Process(process.pid), http=http)
            await_ready(service)
            yield service
    finally:
        process.terminate()
        process.wait(60)


def knowing(plugins: Path) -> dict[str, str]:
    """Settings of a service that finds the plugins which a folder tells of."""
    return {"PYTHONPATH": os.pathsep.join([environment()["PYTHONPATH"], str(plugins)])}


def alone(model: str) -> dict[str, str]:
    """Settings of a service that leaves out those of our plugins that a model is not of.

    A fresh home describes every plugin, which takes long and is not measured.
    """
    others = (name for name in OURS if not model.startswith(f"{name}."))
    return {"ZOO_DISABLED_PLUGINS": ",".join(others)}


def await_ready(service: Service) -> None:
    """Wait for `/readyz` and until every plugin is described."""
    deadline = time.monotonic() + PATIENCE_S
    while not (is_ready(service) and are_described(service)):
        if time.monotonic() > deadline or service.root.status() == psutil.STATUS_ZOMBIE:
            raise ServiceError(f"the service does not get ready; see {service.home}.log")
        time.sleep(POLL_S)


def is_ready(service: Service) -> bool:
    """Whether it serves requests."""
    try:
        return service.http.get("/readyz").is_success
    except httpx.TransportError:
        return False


def are_described(service: Service) -> bool:
    """Whether describing plugins is over, which would be measured too."""
    plugins = service.ask("GET", "/v1/plugins")["data"]
    return all(one["state"] != "pending" for one in plugins)


def part_of(process: psutil.Process) -> str:
    """Which part of the service a process is."""
    try:
        command = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return "ended"
    return next((part for mark, part in PARTS.items() if mark in command), "other")


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
