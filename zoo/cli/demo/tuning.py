"""The tour's second half: a classifier trained on labelled pictures, judged and used."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from rich.console import Console

from zoo.cli import reports
from zoo.cli.demo import bars
from zoo.cli.demo.collecting import BACKBONE
from zoo.cli.demo.digits import Digit, Digits, write_archive
from zoo.client import Client, Job
from zoo.client.answers import Json
from zoo.errors import InvalidError

DATASET = MODEL = "digits"
ALIAS = "champion"


def make_dataset(client: Client, digits: Digits, out: Console) -> None:
    """Send the labelled digits, unless an earlier tour has."""
    known = client.put_dataset(DATASET)
    if known.version:
        out.print(f"dataset {DATASET} has version {known.version} from an earlier run; kept")
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "digits.zip"
        write_archive(digits, archive)
        sent = client.add_archive(DATASET, archive)
    [ended] = bars.wait_for_all(client, [sent], what="reading the zip", out=out)
    _check(ended)
    out.print(
        f"dataset {DATASET}: {len(digits.examples)} handwritten digits of "
        f"{len({digit.label for digit in digits.examples})} classes, from scikit-learn"
    )


def fine_tune(client: Client, out: Console) -> str:
    """Train a head on frozen features; the name of the new version, like `digits:1`."""
    began = time.monotonic()
    spec = {"dataset": DATASET, "model": BACKBONE, "name": MODEL, "strategy": "head_only"}
    sent = client.submit("fine_tune", spec)
    [ended] = bars.wait_for_all(client, [sent], what="fine-tuning", out=out)
    _check(ended)
    _show_metrics(ended.result, out, seconds=time.monotonic() - began)
    _show_confusion(ended.result["confusion_matrix"], out)
    return str(ended.result["version"])


def promote(client: Client, version: str, out: Console) -> None:
    """Let the alias name the new version."""
    client.set_alias(MODEL, ALIAS, version=int(version.rpartition(":")[2]))
    out.print(f"[bold]{MODEL}@{ALIAS}[/bold] now names {version}")


def ask(client: Client, digit: Digit, out: Console) -> None:
    """Classify a digit that was in no split."""
    answer = client.classify(f"{MODEL}@{ALIAS}", [digit.png], top_k=3)
    said = ", ".join(f"{one.label} ({one.probability:.2f})" for one in answer.labels[0])
    out.print(digit.drawing, markup=False)
    out.print(f"  a {digit.label} that it has never seen; {answer.model} says: {said}")


def _show_metrics(result: Json, out: Console, *, seconds: float) -> None:
    metrics = result["metrics"]
    low, high = metrics["accuracy_interval"]
    out.print(
        f"[bold]{result['version']}[/bold] in {seconds:.1f} s: accuracy "
        f"[green]{metrics['accuracy']:.3f}[/green] (95 %: {low:.3f} to {high:.3f}), "
        f"calibration error {metrics['ece']:.3f}, on {metrics['n_test']} held-out pictures"
    )


def _show_confusion(matrix: Json, out: Console) -> None:
    labels = [str(label) for label in matrix["labels"]]
    shown = reports.table("true", *labels, right=labels)
    for label, row in zip(labels, matrix["counts"], strict=True):
        shown.add_row(
            label,
            *(_cell(n, is_right=label == other) for n, other in zip(row, labels, strict=True)),
        )
    out.print(shown)


def _cell(count: int, *, is_right: bool) -> str:
    if not count:
        return "[dim].[/dim]"
    return f"[green]{count}[/green]" if is_right else f"[red]{count}[/red]"


def _check(job: Job) -> None:
    if job.state != "succeeded":
        raise InvalidError(
            f"job {job.id} {job.state}: {job.error_detail or 'no reason given'}",
            code=job.error_code,
        )
