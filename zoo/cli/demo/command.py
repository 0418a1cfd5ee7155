"""The `zoo demo` command, light enough to stand in every `zoo --help`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.options import Key, Url
from zoo.cli.remote import connect
from zoo.errors import InvalidError

if TYPE_CHECKING:
    from zoo.client import Client

DEMO_PACKAGES = ("sklearn", "skimage")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel="Service")(demo)


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Your pictures; without one, photographs from installed packages.",
        ),
    ] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show on real pictures what a running service does: embed, search, classify, fine-tune.

    It uses the collections 'demo' and 'demo-again', made anew each time, the dataset and the
    model 'digits'.
    """
    with connect(url, key) as client:
        _load_tour()(client, folder)


def _load_tour() -> Callable[[Client, Path | None], None]:
    """The tour, by name: it needs packages that a server does without."""
    try:
        run: Callable[[Client, Path | None], None] = import_module("zoo.cli.demo.tour").run
    except ModuleNotFoundError as error:
        if error.name not in DEMO_PACKAGES:
            raise
        raise InvalidError(
            f"the demo needs {error.name}; install it with: pip install 'featurezoo[demo]'",
            code="package_missing",
        ) from error
    return run
