"""Commands that look after a home, a service running on it or not."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import reports
from zoo.cli.offline import alone
from zoo.cli.options import Home, Host, Json, Port
from zoo.errors import StartError
from zoo.settings import Settings, load_settings
from zoo.supervisor.preflight import check_database, check_storage

if TYPE_CHECKING:
    from zoo.backups import Backup
    from zoo.garbage import Collected
    from zoo.supervisor.doctor import Finding


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (doctor, gc, backup, restore):
        app.command(rich_help_panel="Upkeep")(command)


COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(home: Home = None, host: Host = None, port: Port = None, is_json: Json = False) -> None:
    """Look machine and home over; exit code 1 if anything keeps the service from its work."""
    settings = load_settings(home=home, host=host, port=port)
    # By name: it brings the catalog, which no other command needs.
    found: list[Finding] = list(import_module("zoo.supervisor.doctor").examine(settings))
    if is_json:
        typer.echo(json.dumps({"findings": [asdict(one) for one in found]}))
    else:
        _show_findings(found)
    if any(one.verdict == "fail" for one in found):
        raise typer.Exit(1)


def gc(
    home: Home = None,
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go, and how many bytes.")
    ] = False,
    is_thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Rewrite a file even where little of it was deleted."),
    ] = False,
    grace_s: Annotated[
        float | None,
        typer.Option(
            "--grace",
            min=0,
            help="Seconds for which files without a row and what may be retried stay; "
            "below some minutes only with the service stopped.",
            show_default="ZOO_GC_GRACE_S",
        ),
    ] = None,
    is_json: Json = False,
) -> None:
    """Delete from disk what was deleted from the catalog, the service running or not."""
    settings = _existing(load_settings(home=home, gc_grace_s=grace_s))
    garbage = import_module("zoo.garbage")
    tell = partial(typer.echo, err=True)
    with garbage.open_grounds(
        settings, is_dry=is_dry, is_thorough=is_thorough, tell=tell
    ) as grounds:
        found: list[Collected] = garbage.collect(grounds)
    if is_json:
        typer.echo(json.dumps({"is_dry_run": is_dry, "collected": [asdict(one) for one in found]}))
        return
    _show_collected(found, is_dry=is_dry)


def backup(
    target: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    home: Home = None,
    is_json: Json = False,
) -> None:
    """Copy the catalog and all files of record, the service running or not."""
    settings = _existing(load_settings(home=home))
    made: Backup = import_module("zoo.backups").make_backup(settings, target.absolute())
    if is_json:
        typer.echo(json.dumps({**asdict(made), "folder": str(made.folder)}))
    else:
        typer.echo(f"{made.n_files} files, {made.size_bytes / 1e6:.1f} MB, in {made.folder}")
    for key in made.missing:
        typer.echo(f"{key} is missing from the home, and so from the backup", err=True)
    if made.missing:
        raise typer.Exit(1)


def restore(
    source: Annotated[Path, typer.Argument(help="A folder that `zoo backup` made.")],
    home: Home = None,
) -> None:
    """Make a home of a backup, each of its files verified; the home must have no catalog."""
    settings = load_settings(home=home)
    check_database(settings)
    check_storage(settings)
    # By name: the core may not import the migrations.
    upgrade = import_module("zoo_migrations").upgrade
    with alone(settings):
        n_files: int = import_module("zoo.backups").restore_backup(
            settings, source.absolute(), upgrade=upgrade
        )
    typer.echo(f"{n_files} files of record restored into {settings.home}")


def _existing(settings: Settings) -> Settings:
    """Settings of a home that is there, whose database has this release's schema."""
    if not settings.home.is_dir():
        raise StartError(f"there is no home at {settings.home}; name one with --home")
    check_database(settings)
    check_storage(settings)
    # By name: the core may not import the migrations, and most commands need no catalog.
    path = import_module("zoo.catalog.engines").sqlite_path(settings.resolved_database_url)
    if path is not None and not path.exists():
        raise StartError(f"there is no catalog at {path}; `zoo up` makes a home")
    import_module("zoo_migrations").check(settings.resolved_database_url)
    return settings


def _show_findings(found: list[Finding]) -> None:
    out = reports.console()
    for one in found:
        colour = COLOURS[one.verdict]
        line = reports.plain(f"{one.name}: {one.said}")
        out.print(f"[{colour}]{one.verdict:4}[/{colour}]  {line}", soft_wrap=True)
        if one.remedy:
            out.print(f"      {reports.plain(one.remedy)}", soft_wrap=True)


def _show_collected(found: list[Collected], *, is_dry: bool) -> None:
    out = reports.console()
    shown = reports.table("what", "how many", "bytes", right=("how many", "bytes"))
    for one in found:
        shown.add_row(one.kind, str(one.count), str(one.size_bytes or ""))
    if found:
        out.print(shown)
    total = sum(one.size_bytes for one in found)
    out.print(f"{total / 1e6:.1f} MB {'would be' if is_dry else 'were'} freed")
