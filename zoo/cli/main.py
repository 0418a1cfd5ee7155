"""Puts the `zoo` command together from the modules that hold its commands."""

import sys
from typing import Annotated

import typer

import zoo
from zoo.cli import (
    bench,
    datasets,
    keys,
    offline,
    plugins,
    processes,
    remote,
    reports,
    sources,
    tuning,
    upkeep,
)
from zoo.cli.demo import command as demo
from zoo.errors import StartError, ZooError

COMMANDS = (
    demo,
    processes,
    remote,
    sources,
    datasets,
    tuning,
    plugins,
    upkeep,
    offline,
    bench,
    keys,
)
"""Modules that each have `register(app)`; the order is the one of `zoo --help`."""

REFUSED = 1
CANNOT_START = 2
HELP = "Model zoo and feature-extraction service: embed, search and fine-tune."


def app() -> None:
    """The entry point: an error is one sentence; exit code 2 if nothing could start, else 1."""
    try:
        build_app()()
    except ZooError as error:
        typer.echo(f"zoo: {reports.visible(error.detail)}", err=True)
        sys.exit(CANNOT_START if isinstance(error, StartError) else REFUSED)


def build_app() -> typer.Typer:
    """All commands."""
    built = typer.Typer(
        name="zoo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    built.callback(help=HELP)(_options)
    built.command()(version)
    for module in COMMANDS:
        module.register(built)
    return built


def version() -> None:
    """Say which version this is."""
    typer.echo(f"featurezoo {zoo.__version__}")


def _options(
    *,
    _show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda asked: _show_version() if asked else None,
            is_eager=True,
            help="Say which version this is and end.",
        ),
    ] = False,
) -> None:
    """Options of `zoo` itself."""


def _show_version() -> None:
    version()
    raise typer.Exit


if __name__ == "__main__":
    app()
