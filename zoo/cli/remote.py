"""Commands that ask a running service over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli import reports
from zoo.cli.options import Json, Key, Url

if TYPE_CHECKING:
    from zoo.client import Client, Job

FAILED = 1


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (models, jobs, job, search, ingest):
        app.command(rich_help_panel="Service")(command)


def models(
    kind: Annotated[str | None, typer.Option("--kind", help="backbone or tuned.")] = None,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """List the models that the service knows."""
    with connect(url, key) as client:
        found = client.models(kind=kind)
    if is_json:
        print_json({"data": [dict(model.body) for model in found]})
    else:
        reports.show_models(found)


def jobs(
    state: Annotated[str | None, typer.Option("--state", help="Only those in a state.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Only those of a type.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """List jobs."""
    with connect(url, key) as client:
        found = client.jobs(job_type=job_type, state=state, limit=limit)
    if is_json:
        print_json({"data": [dict(one.body) for one in found]})
    else:
        reports.show_jobs(found)


def job(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Show a job, and the files that it could not use."""
    with connect(url, key) as client:
        found = client.job(job_id)
        failed = client.failed_inputs(job_id) if found.count("failed") else ()
    if is_json:
        print_json(found.body)
    else:
        reports.show_job(found, failed)


def search(
    collection: Annotated[str, typer.Argument()],
    image: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, readable=True)
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Instead of a picture.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many hits.")] = 10,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Find what looks most like a picture, or fits a text best."""
    if (image is None) == (text is None):
        raise typer.BadParameter("give a picture or --text, one of the two")
    with connect(url, key) as client:
        answer = (
            client.search_image(collection, image.read_bytes(), k=k)
            if image is not None
            else client.search_text(collection, text or "", k=k)
        )
    if is_json:
        print_json(answer.body)
    else:
        reports.show_hits(answer)


def ingest(
    collection: Annotated[str, typer.Argument()],
    paths: Annotated[list[Path], typer.Argument(exists=True, readable=True)],
    model: Annotated[
        str | None, typer.Option("--model", help="Make the collection first, with this backbone.")
    ] = None,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Send pictures, folders of them and archives to a collection, and wait until they are in."""
    uploads = import_module("zoo.client").gather(paths)
    with connect(url, key) as client:
        if model:
            client.put_collection(collection, model=model)
        sent = list(client.add_files(collection, uploads))
        ended = [client.wait(one) for one in sent]
        failed = [each for one in ended for each in client.failed_inputs(one.id)]
    counts = {name: _total(ended, name) for name in ("embedded", "reused", "failed")}
    if is_json:
        print_json({**counts, "jobs": [dict(one.body) for one in ended]})
    else:
        reports.show_ingest(counts, failed)
    check_ended_well(ended)


def connect(url: str | None, key: str | None) -> Client:
    """A client of the service at `url`; by name, as httpx takes longer than most commands."""
    client: Client = import_module("zoo.client").Client(url or reports.default_url(), key=key)
    return client


def _total(ended: list[Job], name: str) -> int:
    return sum(one.count(name) for one in ended)


def check_ended_well(ended: list[Job]) -> None:
    """Say of jobs that did not succeed why, and end with exit code 1."""
    unwell = [one for one in ended if one.state != "succeeded"]
    for one in unwell:
        reason = reports.visible(one.error_detail or "no reason given")
        typer.echo(f"job {one.id} {one.state}: {reason}", err=True)
    if unwell:
        raise typer.Exit(FAILED)


def print_json(body: Mapping[str, object]) -> None:
    """Print an answer as it came, for programs."""
    typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
