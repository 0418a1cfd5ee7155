"""The tour's first half: pictures into a collection, and out of it again by likeness."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from zoo.cli import reports
from zoo.cli.demo import bars
from zoo.cli.demo.photographs import Photographs, crop
from zoo.client import Client, Job, Upload
from zoo.errors import InvalidError

BACKBONE = "lite.efficientnet_lite0"
COLLECTION = "demo"
AGAIN = "demo-again"
MODELS_PATIENCE_S = 90.0
HITS = 5


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What came of files that were sent."""

    embedded: int
    reused: int
    failed: int
    seconds: float
    jobs: tuple[Job, ...]


def show_models(client: Client, out: Console) -> None:
    """List the models, waiting for a fresh service to learn what its plugins have."""
    deadline = time.monotonic() + MODELS_PATIENCE_S
    with out.status("  the service is reading its plugins"):
        models = client.models()
        while not any(model.name.startswith(BACKBONE) for model in models):
            if time.monotonic() > deadline:
                raise InvalidError(
                    f"the service at {client.url} has no model {BACKBONE!r}; "
                    "GET /v1/plugins says why",
                    code="unknown_model",
                )
            time.sleep(0.2)
            models = client.models()
    plugin = BACKBONE.partition(".")[0]
    ours = [one for one in models if one.kind == "tuned" or one.name.startswith(f"{plugin}.")]
    reports.show_models(ours)
    if len(models) > len(ours):
        out.print(f"[dim]and {len(models) - len(ours)} more of other plugins: zoo models[/dim]")


def ingest(client: Client, photographs: Photographs, out: Console) -> None:
    """Embed the pictures into a collection made anew, and say how that went."""
    done = _ingest(client, COLLECTION, photographs.uploads, out)
    counts = {"embedded": done.embedded, "reused": done.reused, "failed": done.failed}
    failed = [one for job in done.jobs for one in client.failed_inputs(job.id)]
    reports.show_ingest(counts, failed)
    if done.embedded:
        out.print(
            f"{done.embedded / done.seconds:.1f} images/s from upload to index, in "
            f"{done.seconds:.1f} s; a first run loads the model too"
        )
    if not done.embedded + done.reused:
        raise InvalidError("none of the files could be used as a picture", code="no_files")


def ingest_again(client: Client, photographs: Photographs, out: Console) -> None:
    """The same bytes into a second collection: every embedding is there already."""
    done = _ingest(client, AGAIN, photographs.uploads, out)
    out.print(
        f"[green]{done.reused} reused[/green], {done.embedded} embedded in {done.seconds:.1f} s: "
        "a picture is forwarded once per model, ever"
    )


def search(client: Client, picture: Upload, out: Console) -> None:
    """Look for a picture by a crop of it, resized and stored as another JPEG."""
    answer = client.search_image(COLLECTION, crop(picture.path), k=HITS)
    out.print(
        f"a crop of [bold]{reports.plain(picture.name)}[/bold], resized and re-encoded, finds "
        f"(in {answer.took_ms:.0f} ms):"
    )
    reports.show_hits(answer, original=picture.name)


def classify(client: Client, pictures: Sequence[Upload], out: Console) -> None:
    """Name what is in pictures with the backbone's own ImageNet head."""
    answer = client.classify(BACKBONE, [one.path.read_bytes() for one in pictures], top_k=3)
    shown = reports.table("picture", "label", "probability", right=("probability",))
    for picture, labels in zip(pictures, answer.labels, strict=True):
        for rank, label in enumerate(labels):
            name = reports.plain(picture.name) if rank == 0 else ""
            shown.add_row(name, reports.plain(label.label), f"{label.probability:.3f}")
    out.print(shown)


def _ingest(client: Client, name: str, uploads: Sequence[Upload], out: Console) -> Ingested:
    client.delete_collection(name)
    client.put_collection(name, model=BACKBONE)
    began = time.monotonic()
    sent = bars.send_all(client.add_files(name, uploads), what="sending", out=out)
    ended = bars.wait_for_all(client, sent, what="embedding", out=out)
    seconds = time.monotonic() - began
    _check(ended)
    embedded, reused, failed = (
        sum(job.count(what) for job in ended) for what in ("embedded", "reused", "failed")
    )
    return Ingested(
        embedded=embedded, reused=reused, failed=failed, seconds=seconds, jobs=tuple(ended)
    )


def _check(ended: Sequence[Job]) -> None:
    for job in ended:
        if job.state != "succeeded" and job.error_code != "no_item_succeeded":
            raise InvalidError(
                f"job {job.id} {job.state}: {job.error_detail or 'no reason given'}",
                code=job.error_code,
            )
