"""Commands that make, list and revoke API keys, on the database, a service running or not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import reports
from zoo.cli.offline import bring_up_to_date
from zoo.cli.options import Home, Json
from zoo.errors import StartError, UnavailableError
from zoo.keys import check_key_name, check_scope, make_key
from zoo.names import unknown
from zoo.settings import Settings, load_settings

if TYPE_CHECKING:
    from zoo.catalog import Catalog
    from zoo.catalog.records import KeyRecord

FIRST = "from now on this service asks every request for a key"
ONCE = "keep it: it is not shown again, and nobody can read it from the home"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")
    group.command("create")(create_key)
    group.command("list")(list_keys)
    group.command("revoke")(revoke_key)
    app.add_typer(group, name="key", rich_help_panel="Offline")


def create_key(
    name: Annotated[str, typer.Option("--name", help="What to remember it by.")],
    scope: Annotated[
        str,
        typer.Option("--scope", help="read, submit (which may read) or admin (which may all)."),
    ],
    home: Home = None,
    is_json: Json = False,
) -> None:
    """Make an API key and print it, once; it works within a second."""
    check_key_name(name)
    check_scope(scope)
    rows = import_module("zoo.catalog.keys")
    made = make_key()
    with _catalog(load_settings(home=home)) as catalog, catalog.write() as session:
        is_first = not rows.list_keys(session, limit=1)
        key: KeyRecord = rows.add_key(session, made, name=name, scope=scope)
    if is_json:
        _print_json({**_key_json(key), "key": made.text})
        return
    typer.echo(made.text)
    typer.echo(ONCE, err=True)
    if is_first:
        typer.echo(FIRST, err=True)


def list_keys(home: Home = None, is_json: Json = False) -> None:
    """List every key ever made, without its text."""
    rows = import_module("zoo.catalog.keys")
    with _existing_catalog(load_settings(home=home)) as catalog, catalog.read() as session:
        found: list[KeyRecord] = rows.list_keys(session)
    if is_json:
        _print_json({"data": [_key_json(key) for key in found]})
    else:
        _show_keys(found)


def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID")], home: Home = None, is_json: Json = False
) -> None:
    """Let a key in no longer; it stops working within a second."""
    rows = import_module("zoo.catalog.keys")
    with _existing_catalog(load_settings(home=home)) as catalog, catalog.write() as session:
        if rows.get_key(session, key_id) is None:
            raise unknown("key", key_id, [key.id for key in rows.list_keys(session)])
        rows.revoke_key(session, key_id)
        key: KeyRecord = rows.get_key(session, key_id)
    if is_json:
        _print_json(_key_json(key))
    else:
        typer.echo(f"the key {key_id} is revoked")


@contextmanager
def _existing_catalog(settings: Settings) -> Iterator[Catalog]:
    if not settings.database_url and not (settings.home / "catalog.sqlite3").is_file():
        raise StartError(f"there is no home at {settings.home}; name one with --home")
    with _catalog(settings) as catalog:
        yield catalog


@contextmanager
def _catalog(settings: Settings) -> Iterator[Catalog]:
    """The catalog with this release's schema; made, for a home that has none yet."""
    url = settings.resolved_database_url
    catalog: Catalog = import_module("zoo.catalog").open_catalog(url)
    try:
        if not _is_up_to_date(settings, catalog):
            bring_up_to_date(settings)
        yield catalog
    finally:
        catalog.close()


def _is_up_to_date(settings: Settings, catalog: Catalog) -> bool:
    if not settings.database_url and not (settings.home / "catalog.sqlite3").is_file():
        return False
    try:
        with catalog.read() as session:
            import_module("zoo.catalog.soundness").check_schema(session)
    except UnavailableError:
        return False  # what else may be wrong, bringing it up to date says better
    return True


def _show_keys(found: Sequence[KeyRecord]) -> None:
    shown = reports.table("key", "name", "scope", "created", "last used", "revoked")
    for key in found:
        times = (key.created_at, key.last_used_at, key.revoked_at)
        shown.add_row(key.id, reports.plain(key.name), key.scope, *map(_instant, times))
    reports.console().print(shown if found else "no keys")


def _key_json(key: KeyRecord) -> dict[str, str | None]:
    times = {name: getattr(key, name) for name in ("created_at", "last_used_at", "revoked_at")}
    said = {name: at.isoformat() if at else None for name, at in times.items()}
    return {"id": key.id, "name": key.name, "scope": key.scope, **said}


def _instant(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def _print_json(body: object) -> None:
    typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
