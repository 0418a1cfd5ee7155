"""Commands for plugins: write a new one, check one, see and refresh those of a service."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import reports
from zoo.cli.options import Json, Key, Url
from zoo.cli.remote import connect
from zoo.errors import UnavailableError, ZooError

if TYPE_CHECKING:
    from zoo.client import Client, Plugin
    from zoo.testing.contract.report import Report

BROKEN = 1
POLL_S = 0.2
LONGEST_WAIT_S = 180.0
Name = Annotated[str, typer.Argument(metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add `zoo plugin`."""
    group = typer.Typer(name="plugin", help="Write, check and use plugins.", no_args_is_help=True)
    group.command("new", rich_help_panel="Offline")(new)
    group.command("check", rich_help_panel="Offline")(check)
    group.command("list", rich_help_panel="Service")(list_plugins)
    group.command("refresh", rich_help_panel="Service")(refresh)
    app.add_typer(group, rich_help_panel="Plugins")


def new(name: Name) -> None:
    """Make a working plugin in ./NAME: a distribution to install, change and publish."""
    # By name: it brings numpy, which no other command needs.
    folder: Path = import_module("zoo.cli.scaffold").write_plugin(name, Path.cwd() / name)
    typer.echo(f"made plugin {name!r} in {folder}; next:")
    typer.echo(f"  pip install -e ./{name}")
    typer.echo(f"  zoo plugin check {name}")
    typer.echo("  zoo plugin refresh        # a running service notices it")


def check(
    plugin: Annotated[str, typer.Argument(metavar="NAME", help="An installed one or a folder.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Only this model; may come repeatedly.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds.")] = 900.0,
    is_json: Json = False,
) -> None:
    """Hold a plugin against all that plugins promise; exit code 0 when it keeps everything."""
    checking = import_module("zoo.testing.contract.checking")
    found: tuple[Report, ...] = checking.check(plugin, models=model or (), timeout_s=timeout)
    if is_json:
        typer.echo(json.dumps({"data": [checking.to_json(one) for one in found]}, indent=2))
    else:
        for one in found:
            _show_report(one)
    if any(one.broken() for one in found):
        raise typer.Exit(BROKEN)


def list_plugins(url: Url = None, key: Key = None, is_json: Json = False) -> None:
    """List the plugins that the service knows, with their state."""
    with connect(url, key) as client:
        _show(client.plugins(), is_json=is_json)


def refresh(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Describe these anew.")
    ] = None,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Have the service notice plugins that were installed, removed or mended since it started."""
    with connect(url, key) as client:
        job = client.wait(client.refresh_plugins(names or ()))
        if job.state != "succeeded":
            typer.echo(f"job {job.id} {job.state}: {job.error_detail}", err=True)
            raise typer.Exit(BROKEN)
        _await_described(client, job.result["plugins"])
        _try_out(client, frozenset(job.result["plugins"]))
        _show(client.plugins(), is_json=is_json)


def _try_out(client: Client, names: Collection[str]) -> None:
    """Have one model of each plugin built: one that cannot be is then listed with its reason."""
    tried: set[str] = set()
    for model in client.models(kind="backbone"):
        plugin = model.name.partition(".")[0]
        if plugin in names and plugin not in tried and not model.body.get("is_random"):
            tried.add(plugin)
            with contextlib.suppress(ZooError):  # the list of plugins tells it
                client.model(model.name)


def _await_described(client: Client, names: Collection[str]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_S
    while True:
        found = client.plugins()
        waiting = [one.name for one in found if one.name in names and one.state == "pending"]
        if not waiting:
            return
        if time.monotonic() >= deadline:
            raise UnavailableError(
                f"{', '.join(waiting)} took more than {LONGEST_WAIT_S:g} s to be described; "
                "'zoo plugin list' shows how it went on",
                code="timeout",
            )
        time.sleep(POLL_S)


def _show(plugins: tuple[Plugin, ...], *, is_json: bool) -> None:
    if is_json:
        body = {"data": [dict(one.body) for one in plugins]}
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        reports.show_plugins(plugins)


def _show_report(report: Report) -> None:
    for sentence in report.broken():
        typer.echo(f"broken: {sentence}")
    for sentence in report.warnings():
        typer.echo(f"warning: {sentence}")
    if not report.broken():
        typer.echo(f"plugin {report.plugin!r} keeps its promises; examined:")
        for model in report.models:
            typer.echo(f"  {model}")
