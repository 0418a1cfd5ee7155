"""The tour, step by step."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from zoo.cli import reports
from zoo.cli.demo import collecting, tuning
from zoo.cli.demo.collecting import COLLECTION
from zoo.cli.demo.digits import read_digits
from zoo.cli.demo.photographs import choose
from zoo.client import Client


def run(client: Client, folder: Path | None) -> None:
    """Show everything on the pictures in a folder, or on those of installed packages."""
    out = reports.console()
    photographs = choose(folder)
    _title(out, "Models", "what the plugins bring, listed without loading any")
    collecting.show_models(client, out)
    _title(out, "Embed", f"{len(photographs.uploads)} files: {photographs.origin}")
    collecting.ingest(client, photographs, out)
    _title(out, "Search", "by a picture")
    collecting.search(client, photographs.favourites[0], out)
    _title(out, "Embed again", "the same files, into a second collection")
    collecting.ingest_again(client, photographs, out)
    _title(out, "Classify", "with the classifier that came with the backbone")
    collecting.classify(client, photographs.favourites, out)
    if photographs.note:
        out.print(f"[dim]{reports.plain(photographs.note)}[/dim]")
    _tune(client, out)
    _farewell(client.url, out)


def _tune(client: Client, out: Console) -> None:
    digits = read_digits()
    _title(out, "Fine-tune", "a classifier of your own, on frozen features")
    tuning.make_dataset(client, digits, out)
    version = tuning.fine_tune(client, out)
    tuning.promote(client, version, out)
    tuning.ask(client, digits.held_out, out)


def _farewell(url: str, out: Console) -> None:
    _title(out, "Where to look next", "")
    for line in (
        f"curl {url}/v1/models/{collecting.BACKBONE}",
        f"curl '{url}/v1/collections/{COLLECTION}/items?limit=3'",
        f"curl -F image=@photo.jpg {url}/v1/collections/{COLLECTION}/search",
        f"curl -F model={tuning.MODEL}@{tuning.ALIAS} -F files=@digit.png {url}/v1/classify",
        f"curl '{url}/v1/jobs?type=fine_tune'",
    ):
        out.print(f"  {line}", soft_wrap=True, markup=False)


def _title(out: Console, title: str, rest: str) -> None:
    out.print(f"\n[bold]{title}[/bold]  [dim]{reports.plain(rest)}[/dim]", soft_wrap=True)
