"""`zoo bench`: what a model would cost on this machine, before anything is set up."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo import logs
from zoo.cli.options import Json
from zoo.cli.reports import console, plain, table
from zoo.errors import InvalidError
from zoo.settings import load_settings

if TYPE_CHECKING:
    from zoo.inference.costing import Cost

SIZES = (1_000, 100_000, 1_000_000)
MEGABYTE = 1_000_000


def register(app: typer.Typer) -> None:
    """Add `zoo bench`."""
    app.command(rich_help_panel="Offline")(bench)


def bench(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As timm.resnet50.a1_in1k.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Pictures like those to be embedded.")
    ] = None,
    is_json: Json = False,
) -> None:
    """Measure what a backbone costs on this machine's cores; no service is needed."""
    if folder is not None and not folder.is_dir():
        raise InvalidError(f"there is no folder {str(folder)!r}; name one that holds pictures")
    logs.start(process="bench")
    # By name: it brings torch, which no other command needs.
    costing = import_module("zoo.inference.costing")
    cost: Cost = costing.measure_cost(model, folder, load_settings())
    if is_json:
        typer.echo(json.dumps(to_json(cost), indent=2))
    else:
        show(cost)


def to_json(cost: Cost) -> dict[str, object]:
    """All figures, with what so many pictures take."""
    forecasts = [asdict(cost.forecast(n)) for n in SIZES]
    return {**asdict(cost), "images_per_s": round(cost.images_per_s, 1), "forecasts": forecasts}


def show(cost: Cost) -> None:
    """Two tables and what stands between them."""
    engines = table("engine", "CPU-ms", "images/CPU-s", "", right=("CPU-ms", "images/CPU-s"))
    for name, spent_ms in cost.forward_ms.items():
        mark = "taken" if name == cost.engine else ""
        engines.add_row(name, f"{spent_ms:.2f}", f"{1000 / spent_ms:.1f}", mark)
    out = console()
    out.print(f"[bold]{plain(cost.model)}[/bold]  {cost.dim} numbers a vector")
    out.print(engines)
    out.print(_decoding(cost))
    out.print(f"limit: {cost.images_per_s:.1f} images/s on {cost.cores} cores, if they do no more")
    out.print(_forecasts(cost))


def _decoding(cost: Cost) -> str:
    if cost.decode_ms is None or cost.picture_bytes is None:
        return "decoding: not measured; name a folder of your pictures"
    kilobytes = cost.picture_bytes / 1000
    return f"decoding: {cost.decode_ms:.2f} CPU-ms a picture of {kilobytes:.0f} kB"


def _forecasts(cost: Cost) -> object:
    right = ("pictures", "least time", "vectors and index", "copies of the pictures")
    forecasts = table(*right, right=right)
    for n in SIZES:
        found = cost.forecast(n)
        originals = found.originals_bytes
        forecasts.add_row(
            f"{n:,}",
            _duration(found.seconds),
            f"{found.vectors_bytes / MEGABYTE:,.0f} MB",
            "" if originals is None else f"{originals / MEGABYTE:,.0f} MB",
        )
    return forecasts


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
