"""Commands about what the service reads by itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import reports
from zoo.cli.options import Json, Key, Url
from zoo.cli.remote import check_ended_well, connect, print_json

if TYPE_CHECKING:
    from zoo.client import Client, Source

COUNTS = ("embedded", "reused", "failed", "unchanged", "removed")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel="Service")(ingest_source)


def ingest_source(
    collection: Annotated[str, typer.Argument()],
    location: Annotated[
        str,
        typer.Argument(help="A path on the service's machine, or a URL as s3://bucket/folder."),
    ],
    is_copied: Annotated[
        bool, typer.Option("--copy", help="Keep the originals, instead of where they are.")
    ] = False,
    is_preview: Annotated[
        bool, typer.Option("--preview", help="Only count what is there and what it would cost.")
    ] = False,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Have the service read a folder, a manifest or an archive, and keep a collection like it."""
    source: Source = import_module("zoo.client").Source(location=location, copy=is_copied)
    with connect(url, key) as client:
        if is_preview:
            _preview(client, collection, source, is_json=is_json)
        else:
            _ingest(client, collection, source, is_json=is_json)


def _preview(client: Client, collection: str, source: Source, *, is_json: bool) -> None:
    seen = client.preview_source(source, collection=collection)
    if is_json:
        print_json(seen)
    else:
        reports.show_preview(seen)


def _ingest(client: Client, collection: str, source: Source, *, is_json: bool) -> None:
    ended = client.wait(client.add_source(collection, source))
    failed = client.failed_inputs(ended.id) if ended.count("failed") else ()
    counts = {name: ended.count(name) for name in COUNTS}
    if is_json:
        print_json({**counts, "jobs": [dict(ended.body)]})
    else:
        reports.show_ingest(counts, failed)
    check_ended_well([ended])
