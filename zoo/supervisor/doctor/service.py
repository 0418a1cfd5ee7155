"""Parts of the service: broker, database, plugins, files, address, and what was left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import psutil

from zoo.catalog import open_unpooled, plugins
from zoo.catalog.engines import shown, sqlite_path
from zoo.errors import StartError, ZooError
from zoo.jobs.pulse import is_broker_alive
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs
from zoo.supervisor.broker import find_binary
from zoo.supervisor.doctor.findings import Check, Finding, fail, ok, warn
from zoo.supervisor.plan import MODULES
from zoo.supervisor.preflight import check_bind, check_database, check_port, check_storage
from zoo.supervisor.up import is_ready, parts_down, url

VERSION_S = 10


def check_broker(settings: Settings) -> Iterator[Finding]:
    """The broker that is named answers, or there is one to start."""
    if settings.broker_url:
        if is_broker_alive(settings.broker_url):
            yield ok("broker", "the broker of ZOO_BROKER_URL answers")
        else:
            remedy = "start it, or check its address and password"
            yield fail("broker", "the broker of ZOO_BROKER_URL does not answer", remedy=remedy)
        return
    try:
        binary = find_binary()
        ended = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_S, check=True
        )
    except StartError as error:
        yield fail(
            "broker", error.detail, remedy="apt install valkey-server, or set ZOO_BROKER_URL"
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield fail("broker", f"{binary} does not run: {error}", remedy="install another one")
    else:
        yield ok("broker", " ".join(ended.stdout.split()[:3]) + f" at {binary}")


def check_catalog(settings: Settings) -> Iterator[Finding]:
    """The database answers and has this release's schema."""
    path = sqlite_path(settings.resolved_database_url)
    if path is not None and not path.exists():
        yield ok("database", f"none yet at {path}; `zoo up` makes it")
        return
    where = str(path) if path else shown(settings.resolved_database_url)
    try:
        check_database(settings)
        # By name: the core may not import the migrations.
        import_module("zoo_migrations").check(settings.resolved_database_url)
    except StartError as error:
        remedy = "run `zoo migrate`, or check ZOO_DATABASE_URL and that the database runs"
        yield fail("database", error.detail, remedy=remedy)
    else:
        yield ok("database", f"{where} has this release's schema")
        yield from _check_plugins(settings)


def _check_plugins(settings: Settings) -> Iterator[Finding]:
    with (
        closing(open_unpooled(settings.resolved_database_url)) as catalog,
        catalog.read() as session,
    ):
        found = plugins.list_plugins(session)
    for plugin in found:
        name = f"plugin {plugin.name}"
        if plugin.state in ("broken", "unavailable"):
            remedy = f"mend it, then: zoo plugin refresh {plugin.name}"
            yield warn(name, f"{plugin.state}: {plugin.reason}", remedy=remedy)
        else:
            yield ok(name, f"{plugin.state}, {plugin.distribution} {plugin.version}")


def check_files(settings: Settings) -> Iterator[Finding]:
    """The place for files of record can be reached, and copies of weights are whole files."""
    try:
        check_storage(settings)
        next(iter(open_blobs(settings).list_blobs("doctor/")), None)
    except ZooError as error:
        yield fail("storage", error.detail, remedy="check ZOO_STORAGE_URL and its credentials")
    else:
        yield ok("storage", settings.storage_url or f"{settings.home / 'blobs'}")
    weights = settings.home / "weights"
    empty = [path.name for path in weights.glob("*.safetensors") if not path.stat().st_size]
    if empty:
        remedy = f"delete them from {weights}: they are made again"
        yield warn("weights", f"{len(empty)} copies of weights are empty", remedy=remedy)
    elif weights.is_dir():
        yield ok("weights", f"{len(list(weights.glob('*.safetensors')))} copies in {weights}")


def check_service(settings: Settings) -> Iterator[Finding]:
    """The service is up, or its address is free and nothing of an earlier one is left."""
    if is_ready(settings):
        yield ok("service", f"it is up at {url(settings)}")
        for part, reason in parts_down(settings).items():
            remedy = f"look at its log, and at `zoo health {part}`"
            yield fail(part, f"the service says: {reason}", remedy=remedy)
        return
    try:
        check_bind(settings)
        check_port(settings.host, settings.port)
    except StartError as error:
        yield fail("address", error.detail, remedy="another --port or --host, or what it says")
    else:
        yield ok("address", f"{settings.host} port {settings.port} is free")
    left = [process.pid for process in _left_behind(settings.home)]
    if left and not _is_run(settings.home):
        remedy = f"end them: kill {' '.join(map(str, left))}"
        yield warn("leftovers", f"processes of an earlier service run: {left}", remedy=remedy)


def _is_run(home: Path) -> bool:
    """Whether the `zoo up` that locked the home lives."""
    try:
        return psutil.pid_exists(int((home / "run" / "zoo.lock").read_text()))
    except (OSError, ValueError):
        return False


def _left_behind(home: Path) -> Iterator[psutil.Process]:
    """Processes of ours that work on a home."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if process.pid == os.getpid() or not set(MODULES.values()) & set(command):
            continue
        try:
            if process.environ().get("ZOO_HOME") == str(home):
                yield process
        except psutil.Error:
            continue


CHECKS: tuple[Check, ...] = (check_broker, check_catalog, check_files, check_service)
