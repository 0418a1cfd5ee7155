"""Tables and lines that commands show to people."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from zoo.settings import DEFAULT_PORT

if TYPE_CHECKING:
    from zoo.client import FailedInput, Job, Model, Plugin, SearchAnswer
    from zoo.client.answers import Json

COLOURS = {"succeeded": "green", "failed": "red", "running": "cyan"}
PLUGIN_COLOURS = {"ready": "green", "broken": "red", "unavailable": "yellow"}
FAILED_SHOWN = 10
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor, colour or hide text, or turn its direction."""
WHOLE = ("model", "job", "type", "state", "item", "key", "progress", "created")
"""Columns of what is copied or compared, so never broken into two lines."""


def visible(text: str) -> str:
    """A stranger's text without what a terminal would obey; lines stay."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: str) -> str:
    """A stranger's text as one line of ours shows it."""
    return escape(visible(text).replace("\n", " "))


def default_url() -> str:
    """Where a service is looked for when nobody says."""
    return os.environ.get("ZOO_URL") or f"http://127.0.0.1:{DEFAULT_PORT}"


def console() -> Console:
    """Where tables are printed; highlighting off, so that only we choose what stands out."""
    return Console(highlight=False, soft_wrap=False)


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table in our style; the columns named in `right` hold numbers."""
    made = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in WHOLE,
        )
    return made


def show_models(models: Sequence[Model]) -> None:
    """A line for each model."""
    shown = table("model", "kind", "input", "licence")
    for model in models:
        weights = _weights(model)
        is_random = bool(model.body.get("is_random"))
        shown.add_row(
            plain(model.name),
            "untrained" if is_random else model.kind,
            _input_size(weights),
            plain(str(weights.get("licence") or "")),
        )
    console().print(shown if models else "no models")


def show_plugins(plugins: Sequence[Plugin]) -> None:
    """A line for each plugin; why one does not work stands below it in full."""
    for plugin in plugins:
        colour = PLUGIN_COLOURS.get(plugin.state, "default")
        console().print(
            f"[bold]{plain(plugin.name)}[/bold]  [{colour}]{plugin.state}[/{colour}]  "
            f"{plain(plugin.distribution)} {plain(plugin.version)}".rstrip(),
            soft_wrap=True,
        )
        if plugin.reason:
            console().print(f"  {plain(plugin.reason)}", soft_wrap=True)
    if not plugins:
        console().print("no plugins")


def show_jobs(jobs: Sequence[Job]) -> None:
    """A line for each job."""
    shown = table("job", "type", "state", "progress", "created", right=("progress",))
    for job in jobs:
        shown.add_row(
            job.id, job.type, state(job), progress(job), job.created_at[5:19].replace("T", " ")
        )
    console().print(shown if jobs else "no jobs")


def show_job(job: Job, failed: Sequence[FailedInput]) -> None:
    """Everything about one job that fits a screen."""
    out = console()
    out.print(f"[bold]{job.id}[/bold]  {job.type}  {state(job)}  {progress(job)}")
    for name, value in job.result.items():
        out.print(f"  {plain(name)}: {plain(str(value))}")
    if job.error_detail:
        out.print(f"  [red]{job.error_code}[/red]: {plain(job.error_detail)}")
    show_failed(failed)


def show_hits(answer: SearchAnswer, *, original: str | None = None) -> None:
    """Hits, best first; the item named `original` is pointed at."""
    shown = table("", "score", "name", "item", right=("", "score"))
    for rank, hit in enumerate(answer.hits, start=1):
        mark = "  [green]<- the original[/green]" if hit.name == original else ""
        shown.add_row(str(rank), f"{hit.score:.4f}", plain(hit.name) + mark, hit.item_id)
    console().print(shown if answer.hits else "nothing found")


def show_ingest(counts: Mapping[str, int], failed: Sequence[FailedInput]) -> None:
    """What came of the files that were sent, or of a source."""
    more = "".join(
        f", {counts[name]} {name}" for name in ("unchanged", "removed") if counts.get(name)
    )
    console().print(
        f"[green]{counts['embedded']} embedded[/green], {counts['reused']} reused, "
        f"{counts['failed']} failed{more}"
    )
    show_failed(failed)


def show_preview(seen: Json) -> None:
    """What a source holds, by the endings of its files' names, and what it would cost."""
    table = Table("ending", "files", "MB", box=None)
    for ending, counted in seen["by_ending"].items():
        table.add_row(plain(ending or "none"), str(counted["files"]), _megabytes(counted["bytes"]))
    console().print(table)
    least = "" if seen["is_complete"] else "at least "
    console().print(
        f"{least}{seen['files']} files, {_megabytes(seen['bytes'])} MB; "
        f"{_megabytes(seen['disk_bytes'])} MB of disk and {seen['seconds']:.0f} s if all are new; "
        f"{seen['unusable']} cannot be used"
    )


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f}"


def show_failed(failed: Sequence[FailedInput]) -> None:
    """The first files that could not be used, each with its reason."""
    for one in failed[:FAILED_SHOWN]:
        console().print(f"  [red]{one.code}[/red]  {plain(one.name)}: {plain(one.detail)}")
    if len(failed) > FAILED_SHOWN:
        console().print(f"  and {len(failed) - FAILED_SHOWN} more")


def state(job: Job) -> str:
    """A job's state in its colour."""
    colour = COLOURS.get(job.state, "default")
    return f"[{colour}]{job.state}[/{colour}]"


def progress(job: Job) -> str:
    """How far a job is, in its own unit."""
    far = job.progress
    return f"{far.completed}/{far.total} {far.unit}".rstrip() if far.total else ""


def _weights(model: Model) -> Mapping[str, Any]:
    """What a model's card says about its weights; empty for untrained ones."""
    described: Sequence[Mapping[str, Any]] = model.body.get("weights") or ({},)
    return described[0]


def _input_size(weights: Mapping[str, Any]) -> str:
    size = (weights.get("preprocessing") or {}).get("input_size") or ()
    return " x ".join(map(str, size))
