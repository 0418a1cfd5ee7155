"""A worker for a GPU, as `zoo up` starts it, and the embeddings of record that it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contest.service import serving
from zoo.testing.pictures import picture


def test_a_collection_is_embedded_on_the_gpu(tmp_path: Path) -> None:
    files = [("files", (f"{seed}.jpg", picture(seed))) for seed in range(300)]

    with serving(tmp_path / "home") as service:
        service.ask("PUT", "/v1/collections/c", json={"model": "torchvision.resnet50.random"})
        job = service.finished(service.ask("POST", "/v1/collections/c/items", files=files))

    assert job["result"] == {"embedded": 300, "reused": 0, "failed": 0}
    assert job["extraction"]["engine"] in ("cuda compiled", "cuda eager")


def test_a_gpu_can_be_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    files = [("files", (f"{seed}.jpg", picture(seed))) for seed in range(20)]

    with serving(tmp_path / "home") as service:
        service.ask("PUT", "/v1/collections/c", json={"model": "torchvision.resnet50.random"})
        job = service.finished(service.ask("POST", "/v1/collections/c/items", files=files))

    assert "cuda" not in job["extraction"]["engine"]
