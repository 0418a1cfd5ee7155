"""Commands that fill datasets, list them and say what is wrong with them."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import reports
from zoo.cli.options import Json, Key, Url
from zoo.cli.remote import FAILED, check_ended_well, connect, print_json

if TYPE_CHECKING:
    from zoo.client import Client, Job
    from zoo.client.answers import Json as Body

COLOURS = {"error": "red", "warning": "yellow"}
Name = Annotated[str, typer.Argument(metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add `zoo dataset`."""
    group = typer.Typer(name="dataset", help="Fill and check datasets.", no_args_is_help=True)
    for name, command in (("add", add), ("list", list_datasets), ("check", check)):
        group.command(name)(command)
    app.add_typer(group, rich_help_panel="Service")


def add(
    name: Name,
    path: Annotated[
        Path,
        typer.Argument(
            exists=True,
            readable=True,
            help="A folder with one of pictures for each label, or such a zip or tar, or a table.",
        ),
    ],
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Send labelled examples to a dataset, made if there is none, and seal its next version."""
    with connect(url, key) as client:
        client.put_dataset(name)
        ended = client.wait(_send(client, name, path))
        failed = client.failed_inputs(ended.id) if ended.count("failed") else ()
    if is_json:
        print_json(ended.body)
    else:
        version = ended.result.get("dataset_version")
        n_read = ended.count("embedded") + ended.count("reused")
        reports.console().print(
            f"{n_read} read, {ended.count('failed')} failed; "
            + (f"version {version} of {reports.plain(name)}" if version else "no new version")
        )
        reports.show_failed(failed)
    check_ended_well([ended])


def list_datasets(url: Url = None, key: Key = None, is_json: Json = False) -> None:
    """List the datasets that the service has."""
    with connect(url, key) as client:
        found = client.datasets()
    if is_json:
        print_json({"data": list(map(dict, found))})
        return
    shown = reports.table("dataset", "version", "kind", "examples", right=("version", "examples"))
    for one in found:
        numbers = (
            str(one.get("version") or ""),
            one.get("kind") or "",
            str(one.get("items") or 0),
        )
        shown.add_row(reports.plain(one["name"]), *numbers)
    reports.console().print(shown if found else "no datasets")


def check(
    name: Name,
    version: Annotated[
        int | None, typer.Option("--version", min=1, show_default="the newest")
    ] = None,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Say what is wrong with a version; exit code 1 if nothing can be trained on it."""
    with connect(url, key) as client:
        found = client.validation(name, version=version)
    if is_json:
        print_json(found)
    else:
        _show_findings(found)
    if not found["is_trainable"]:
        raise typer.Exit(FAILED)


def _send(client: Client, name: str, path: Path) -> Job:
    if path.is_file():
        return client.add_archive(name, path)
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "examples.zip"
        import_module("zoo.client").pack_folder(path, archive)
        return client.add_archive(name, archive)


def _show_findings(found: Body) -> None:
    out = reports.console()
    version = f"version {found['version']} of {reports.plain(found['dataset'])}"
    out.print(f"{version}: {'can' if found['is_trainable'] else 'cannot'} be trained on")
    for one in found["findings"]:
        colour = COLOURS.get(one["severity"], "default")
        said = reports.plain(f"{one['detail']}; {one['advice']}")
        out.print(f"  [{colour}]{one['code']}[/{colour}]: {said}", soft_wrap=True)
