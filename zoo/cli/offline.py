"""Commands that work on a home or a database without a running service."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Annotated

import typer

from zoo.cli.options import Home
from zoo.errors import StartError, UnavailableError
from zoo.settings import Settings, load_settings
from zoo.supervisor.home import locked_home


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (migrate, fsck):
        app.command(rich_help_panel="Offline")(command)


def migrate(home: Home = None) -> None:
    """Bring the catalog's schema to this version."""
    bring_up_to_date(load_settings(home=home))
    typer.echo("the catalog is up to date")


def bring_up_to_date(settings: Settings) -> None:
    """Make the catalog, or bring its schema to this version; the home must not be in use."""
    upgrade = import_module("zoo_migrations").upgrade  # by name: the core may not import it
    with alone(settings):
        upgrade(settings.resolved_database_url)


def alone(settings: Settings) -> AbstractContextManager[object]:
    """The home for oneself; with a database elsewhere nobody can tell who else works on it."""
    return nullcontext() if settings.database_url else locked_home(settings)


def fsck(
    home: Home = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended; stop the service first.")
    ] = False,
) -> None:
    """Check every file of record and the catalog; exit code 0 when all is well."""
    settings = load_settings(home=home)
    if not settings.home.is_dir():
        raise StartError(f"there is no home at {settings.home}; name one with --home")
    left = _repair(settings) if repair else _check(settings)
    if left:
        raise typer.Exit(1)
    typer.echo(f"the home {settings.home} is in order")


def _check(settings: Settings) -> int:
    """Tell every problem; returns how many there are."""
    # By name: it brings the catalog, which no other command needs.
    problems: list[str] = import_module("zoo.fsck").check_home(settings)
    for problem in problems:
        typer.echo(problem)
    if not problems:
        _remark(settings)
    return len(problems)


def _remark(settings: Settings) -> None:
    """Say of a home in order that it could be smaller."""
    if n_left := import_module("zoo.fsck").count_leftovers(settings):
        remark = "files that no row names take room; zoo fsck --repair removes them"
        typer.echo(f"{n_left} {remark}", err=True)


def _repair(settings: Settings) -> int:
    """Tell every problem and what was done about it; returns how many are left."""
    if settings.database_url:
        _check_unused(settings)
    with alone(settings):
        outcomes = import_module("zoo.fsck").repair_home(settings)
    for outcome in outcomes:
        typer.echo(outcome.sentence)
        if outcome.mended:
            typer.echo(f"  mended: {outcome.mended}")
    return sum(not outcome.mended for outcome in outcomes)


def _check_unused(settings: Settings) -> None:
    """Refuse a database with a keeper at work: the home's lock knows this machine's alone."""
    health = import_module("zoo.supervisor.health")  # by name: it brings the catalog
    try:
        health.check_health("keeper", settings)
    except UnavailableError:
        return
    raise StartError("a keeper is at work on this database; stop the service, then repair")
