"""Examines a plugin, installed or in a folder, in a process that may fail as it likes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from zoo.backbone import ENTRY_POINT_GROUP
from zoo.errors import InvalidError
from zoo.registry.plugins import installed_plugins
from zoo.testing.contract.report import Finding, Report, report_from_json
from zoo.testing.distributions import write_distribution

_MODULE = "zoo.testing.contract.examining"
_LAST_WORDS = 300


def check(plugin: str, *, models: Sequence[str], timeout_s: float) -> tuple[Report, ...]:
    """Examine an installed plugin by name, else every plugin of a folder with a pyproject.toml.

    Raises `InvalidError` if there is neither.
    """
    if plugin in {one.name for one in installed_plugins()}:
        return (_examined(plugin, models, environment=dict(os.environ), timeout_s=timeout_s),)
    folder = Path(plugin)
    if not (folder / "pyproject.toml").is_file():
        raise InvalidError(
            f"no plugin {plugin!r} is installed, and there is no {folder / 'pyproject.toml'}; "
            "give the name of an installed plugin or the folder of one",
            code="unknown_plugin",
        )
    return _check_folder(folder.resolve(), models=models, timeout_s=timeout_s)


def to_json(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    return asdict(report)


def _check_folder(folder: Path, *, models: Sequence[str], timeout_s: float) -> tuple[Report, ...]:
    project = _read_project(folder)
    plugins: Mapping[str, str] = project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    if not plugins:
        raise InvalidError(
            f"{folder / 'pyproject.toml'} names no plugin; "
            f'it needs [project.entry-points."{ENTRY_POINT_GROUP}"]',
            code="unknown_plugin",
        )
    with tempfile.TemporaryDirectory() as about:
        write_distribution(
            Path(about),
            project.get("name", folder.name),
            version=project.get("version", "0"),
            plugins=plugins,
        )
        environment = _with_path(about, str(folder / "src"), str(folder))
        return tuple(
            _examined(name, models, environment=environment, timeout_s=timeout_s)
            for name in plugins
        )


def _read_project(folder: Path) -> Mapping[str, Any]:
    path = folder / "pyproject.toml"
    try:
        project: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8")).get("project", {})
    except (ValueError, OSError) as error:
        raise InvalidError(f"{path} cannot be read: {error}", code="unknown_plugin") from error
    return project


def _with_path(*folders: str) -> dict[str, str]:
    # First on the path, so that the folder hides an installed copy of the same distribution.
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([*folders, *([known] if known else [])])
    return {**os.environ, "PYTHONPATH": path}


def _examined(
    plugin: str, models: Sequence[str], *, environment: Mapping[str, str], timeout_s: float
) -> Report:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE, plugin, *models],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**environment, "OMP_NUM_THREADS": "1"},
            process_group=0,
        )
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return _fallen(plugin, f"took more than {timeout_s:g} s to be examined")
        finally:
            _kill_group(process)
        return _conclude(plugin, status, output, errors)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a zombie's group
        process.poll()
    process.wait()


def _conclude(plugin: str, status: int, output: IO[bytes], errors: IO[bytes]) -> Report:
    output.seek(0)
    try:
        return report_from_json(json.loads(output.read()))
    except (ValueError, KeyError, TypeError):
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
        said = f"; its last words were: {lines[-1][-_LAST_WORDS:]}" if lines else ""
        end = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return _fallen(plugin, f"ended the process that examined it ({end}){said}")


def _fallen(plugin: str, what: str) -> Report:
    finding = Finding(promise="loaded", sentence=f"plugin {plugin!r} {what}")
    return Report(plugin=plugin, models=(), findings=(finding,))
