"""A stranger trains the network itself, kills everything half-way, and gets the same bytes."""

import io
import os
import signal
import urllib.request
import zipfile

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.live import LITE0, Json, LiveService, RefusedError, eventually, living

LABELS = (3, 8)
EACH = 14


def archive() -> bytes:
    """Digits in folders named for them."""
    source = load_digits()
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as file:
        for label in LABELS:
            for place in (source.target == label).nonzero()[0][:EACH]:
                stored = io.BytesIO()
                image = Image.fromarray((source.images[place] * 15.9).astype("uint8"))
                image.resize((96, 96), Image.Resampling.BICUBIC).save(stored, "PNG")
                file.writestr(f"{label}/{place}.png", stored.getvalue())
    return found.getvalue()


def steps(service: LiveService, job: Json) -> int:
    """Steps of training that are done; 0 before it begins."""
    progress = service.get(f"/v1/jobs/{job['id']}")["progress"]
    return int(progress["completed"]) if progress["unit"] == "steps" else 0


@pytest.fixture
def training(service: LiveService) -> LiveService:
    """A service with a dataset, which writes down often how far it has trained."""
    service.settings["ZOO_CHECKPOINT_EVERY_S"] = "0.5"
    service.start()
    service.put("/v1/datasets/strokes", {})
    _, job, _ = service.request(
        "POST",
        "/v1/datasets/strokes/items",
        archive(),
        Content_Type="application/octet-stream",
    )
    assert service.finished(job)["result"]["reused"] == len(LABELS) * EACH
    return service


def fine_tune(service: LiveService, **options: Json) -> Json:
    spec = {"dataset": "strokes", "model": LITE0, "name": "strokes", **options}
    return service.post("/v1/jobs", {"type": "fine_tune", "spec": spec})


def losses(service: LiveService, job: Json) -> list[tuple[float, float]]:
    """Of each epoch, while training and on the validation side."""
    rows = service.rows(f"/v1/jobs/{job['id']}/metrics")
    return [(row["train_loss"], row["validation_loss"]) for row in rows]


def judged(job: Json) -> Json:
    """What a job found, but for what it took."""
    kept = ("metrics", "confusion_matrix", "strategy_used", "temperature", "l2")
    tried = [{**row, "cpu_s": None} for row in job["result"]["comparison"]]
    return [*(job["result"][one] for one in kept), *tried]


def download(service: LiveService, version: str) -> bytes:
    name, _, number = version.partition(":")
    url = f"http://127.0.0.1:{service.port}/v1/models/{name}/versions/{number}/artifact"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=60) as answer:
        found: bytes = answer.read()
        return found


@pytest.mark.slow
def test_training_killed_with_all_that_runs_ends_as_if_nothing_had_happened(
    training: LiveService,
) -> None:
    asked = {"strategy": "last_blocks", "epochs": 3, "batch_size": 4, "seed": 7}
    with pytest.raises(RefusedError) as refused:
        fine_tune(training, strategy="last_blocks", until="blocks.66")
    assert (refused.value.status, refused.value.problem["code"]) == (422, "unknown_block")

    job = fine_tune(training, **asked)
    eventually(lambda: steps(training, job) > 2, what=training.said)
    family = training.family()
    assert training.process is not None
    os.killpg(training.process.pid, signal.SIGKILL)
    training.process.wait(5)
    training.start()
    assert living(family) == []
    ended = training.finished(job)
    assert ended["state"] == "succeeded", ended
    undisturbed = training.finished(fine_tune(training, **asked))

    assert [one["result"]["version"] for one in (ended, undisturbed)] == ["strokes:1", "strokes:2"]
    assert len(losses(training, job)) == 3
    assert losses(training, job) == losses(training, undisturbed)
    assert judged(ended) == judged(undisturbed)
    assert download(training, "strokes:1") == download(training, "strokes:2")
