"""Commands that work on a home or a database without a running service."""

from importlib import import_module

import typer

from zoo.cli.options import Home
from zoo.errors import StartError
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
    if settings.database_url:
        upgrade(settings.database_url)
    else:
        with locked_home(settings):
            upgrade(settings.resolved_database_url)


def fsck(home: Home = None) -> None:
    """Check every file of record and the catalog; exit code 0 when all is well."""
    settings = load_settings(home=home)
    if not settings.home.is_dir():
        raise StartError(f"there is no home at {settings.home}; name one with --home")
    # By name: it brings the catalog, which no other command needs.
    problems: list[str] = import_module("zoo.fsck").check_home(settings)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"the home {settings.home} is in order")
