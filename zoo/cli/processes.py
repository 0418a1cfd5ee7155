"""Commands that start processes: the whole service, or one part of it."""

import os
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from zoo import logs
from zoo.cli.options import Home, Host, Port
from zoo.settings import Settings, load_settings
from zoo.supervisor import plan
from zoo.supervisor.preflight import check_bind, check_database, check_storage
from zoo.supervisor.up import up as run_service


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (up, api, keeper, worker, predictor, health):
        app.command(rich_help_panel="Processes")(command)


def up(home: Home = None, host: Host = None, port: Port = None) -> None:
    """Run the whole service here, on embedded parts, until Ctrl-C."""
    logs.start("up")
    run_service(load_settings(home=home, host=host, port=port))


def api(home: Home = None, host: Host = None, port: Port = None) -> None:
    """Run the HTTP API alone."""
    settings = load_settings(home=home, host=host, port=port)
    check_bind(settings)
    _become("api", settings)


def keeper(home: Home = None) -> None:
    """Run the keeper alone: it announces, reconciles and tidies jobs."""
    _become("keeper", load_settings(home=home))


def worker(
    home: Home = None,
    queue: Annotated[str, typer.Option("--queue", help="Queue to work on.")] = "cpu",
) -> None:
    """Run a Celery worker alone."""
    _become("worker", load_settings(home=home), ZOO_QUEUE=queue)


def predictor(home: Home = None) -> None:
    """Run the predictor alone: it owns the loaded models."""
    _become("predictor", load_settings(home=home))


class Process(StrEnum):
    """A process whose health can be asked for."""

    API = "api"
    KEEPER = "keeper"
    PREDICTOR = "predictor"
    WORKER = "worker"


def health(
    process: Annotated[Process, typer.Argument(help="Which of this machine's processes.")],
    home: Home = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """Say whether a process does its work; exit code 0 if it does, else 1."""
    settings = load_settings(home=home, host=host, port=port)
    # By name: it brings the catalog, which starting a process does not need.
    said: str = import_module("zoo.supervisor.health").check_health(process.value, settings)
    typer.echo(said)


def _become(process: str, settings: Settings, **more: str) -> None:
    check_database(settings)
    check_storage(settings)
    command = plan.python_command(process)
    environment = {**plan.child_environment(settings, os.environ), **more}
    os.execve(command[0], command, environment)  # noqa: S606  # no shell is wanted
