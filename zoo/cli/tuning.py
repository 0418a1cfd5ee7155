"""Commands that fine-tune, and show what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from zoo.cli import reports
from zoo.cli.options import Json, Key, Url
from zoo.cli.remote import check_ended_well, connect, print_json

if TYPE_CHECKING:
    from zoo.client import Job
    from zoo.client.answers import Json as Body

SCORES = ("precision", "recall", "f1")
"""Of a label; null where nothing was taken for it, or no test picture has it."""
FIGURES = ("ece", "balanced_accuracy", "macro_f1", "log_loss")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (fine_tune, versions, report):
        app.command(rich_help_panel="Service")(command)


def fine_tune(
    dataset: Annotated[str, typer.Argument()],
    model: Annotated[
        str, typer.Option("--model", help="The backbone, or a version to go on from.")
    ],
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            help="Several are compared; may come repeatedly.",
            show_default="head_only",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of the job, as name=pets or epochs=3; may come repeatedly.",
        ),
    ] = None,
    is_waited: Annotated[
        bool, typer.Option("--wait/--no-wait", help="For the end; or only name the job.")
    ] = True,
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Train a classifier, named as the dataset, on its newest version; say how good it is."""
    spec: dict[str, object] = {"dataset": dataset, "model": model, "name": dataset}
    spec |= _strategies(strategy or ()) | dict(map(_setting, settings or ()))
    with connect(url, key) as client:
        asked = client.submit("fine_tune", spec)
        job = client.wait(asked) if is_waited else asked
    if is_json:
        print_json(job.body)
    elif not is_waited:
        typer.echo(job.id)
    else:
        _show_outcome(job)
    if is_waited:
        check_ended_well([job])


def versions(
    model: Annotated[str, typer.Argument()],
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """List the versions of a model of one's own, with their accuracy."""
    with connect(url, key) as client:
        found = client.versions(model)
    if is_json:
        print_json({"data": list(map(dict, found))})
        return
    shown = reports.table("model", "accuracy", "strategy", "dataset", right=("accuracy",))
    for one in found:
        made = one.get("lineage") or {}
        source = f"{made.get('dataset') or ''}:{made.get('dataset_version') or ''}".strip(":")
        accuracy = (one.get("metrics") or {}).get("accuracy")
        shown.add_row(
            reports.plain(one["name"]),
            "" if accuracy is None else f"{accuracy:.3f}",
            reports.plain(str(made.get("strategy") or "")),
            reports.plain(source),
        )
    reports.console().print(shown if found else "no versions")


def report(
    version: Annotated[str, typer.Argument(metavar="NAME:VERSION")],
    url: Url = None,
    key: Key = None,
    is_json: Json = False,
) -> None:
    """Say how good a version is, label by label, and what to beware of."""
    model, _, number = version.rpartition(":")
    if not model or not number.isdecimal():
        raise typer.BadParameter(f"name a version, such as pets:1, not {version!r}")
    with connect(url, key) as client:
        found = client.report(model, int(number))
    if is_json:
        print_json(found)
    else:
        _show_report(version, found)


def _strategies(named: Sequence[str]) -> dict[str, object]:
    """As jobs take them; what none is named for is the service's to choose."""
    if len(named) > 1:
        return {"compare": list(named)}
    return {"strategy": named[0]} if named else {}


def _setting(text: str) -> tuple[str, object]:
    """A field of the job; values are JSON, and else what they say."""
    field, is_given, value = text.partition("=")
    if not field or not is_given:
        raise typer.BadParameter(f"--set takes FIELD=VALUE, such as epochs=3, not {text!r}")
    try:
        return field, json.loads(value, parse_constant=_refuse)
    except json.JSONDecodeError:
        return field, value


def _refuse(constant: str) -> NoReturn:
    raise typer.BadParameter(f"--set takes JSON, which has no {constant}")


def _show_outcome(job: Job) -> None:
    if not job.result:
        return
    out = reports.console()
    out.print(
        f"[bold]{reports.plain(job.result['version'])}[/bold]  {_accuracy(job.result['metrics'])}"
    )
    if job.result.get("verdict"):
        out.print(f"  {reports.plain(job.result['verdict'])}", soft_wrap=True)
    _show_warnings(job.body.get("warnings") or ())


def _show_report(version: str, found: Body) -> None:
    out = reports.console()
    out.print(f"[bold]{reports.plain(version)}[/bold]  {_accuracy(found['metrics'])}")
    figures = {name: found["metrics"].get(name) for name in FIGURES}
    out.print(
        "  " + ", ".join(f"{name} {one:.3f}" for name, one in figures.items() if one is not None)
    )
    shown = reports.table("label", "examples", "precision", "recall", "f1")
    for one in found["classes"]:
        scores = ["" if one[name] is None else f"{one[name]:.3f}" for name in SCORES]
        shown.add_row(reports.plain(one["label"]), str(one["support"]), *scores)
    out.print(shown)
    _show_warnings(found["warnings"])


def _show_warnings(warnings: Sequence[str]) -> None:
    for warning in warnings:
        reports.console().print(
            f"  [yellow]warning[/yellow]: {reports.plain(warning)}", soft_wrap=True
        )


def _accuracy(metrics: Body) -> str:
    low, high = metrics["accuracy_interval"]
    return (
        f"accuracy [green]{metrics['accuracy']:.3f}[/green] ({low:.3f} to {high:.3f}) "
        f"on {metrics['n_test']} held-out examples"
    )
