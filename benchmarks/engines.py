"""How much faster an export forwards than torch, and how far the two are apart.

    python benchmarks/engines.py FOLDER [MODEL ...]

FOLDER holds photographs; a MODEL is a full name such as `timm.resnet50.random`. Both engines
forward the same batches in turn, on one thread; what is printed is the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ImageError
from zoo.images.sandbox import Sandbox
from zoo.inference.engines import Engine, PixelArray
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.sandboxes import decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings

BATCH = 8
ROUNDS = 5
MODELS = ("lite.efficientnet_lite0.in1k",)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two engines on the same pictures."""

    rate: float  # images per CPU-second of ONNX Runtime
    rate_of_torch: float
    least_cosine: float
    export_s: float


def main() -> None:
    """Compare each model and print a row for it."""
    parser = argparse.ArgumentParser(description="torch against an export, forward only")
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    asked = parser.parse_args()
    print("| model | torch | ONNX Runtime | ratio | least cosine | export |")
    print("|---|---|---|---|---|---|")
    for name in asked.models:
        plugin, architecture, weights = name.split(".", 2)
        ref = BackboneRef(plugin=plugin, architecture=architecture, weights=weights)
        with tempfile.TemporaryDirectory() as home:
            print(
                f"| `{name}` | {row(ref, Settings(home=Path(home)), asked.folder)} |", flush=True
            )


def row(ref: BackboneRef, settings: Settings, folder: Path) -> str:
    """One model's figures, or why it has none."""
    models = ModelCache(settings)
    built = models.get(ref)
    batches = list(batches_of(folder, built, settings))
    began = time.monotonic()
    models.export(built.ref, built.detail, samples=lambda: batches[0])
    export_s = time.monotonic() - began
    exported = models.get(built.ref)
    if exported is built:
        return "runs in torch only"
    found = compare(built, exported, batches, export_s=export_s)
    return (
        f"{found.rate_of_torch:.1f} | {found.rate:.1f} | {found.rate / found.rate_of_torch:.2f} | "
        f"{found.least_cosine:.6f} | {found.export_s:.1f} s"
    )


def compare(
    built: LoadedModel, exported: LoadedModel, batches: list[PixelArray], *, export_s: float
) -> Comparison:
    """Forward all batches with both, round after round."""
    rates: dict[str, list[float]] = {built.image_engine.name: [], exported.image_engine.name: []}
    for _ in range(ROUNDS):
        for model in (built, exported):
            rates[model.image_engine.name].append(rate(model.image_engine, batches))
    cosines = [
        cosine(built.image_engine.embed(batch), exported.image_engine.embed(batch))
        for batch in batches
    ]
    return Comparison(
        rate=statistics.median(rates[exported.image_engine.name]),
        rate_of_torch=statistics.median(rates[built.image_engine.name]),
        least_cosine=min(cosines),
        export_s=export_s,
    )


def rate(engine: Engine, batches: list[PixelArray]) -> float:
    """Images per CPU-second."""
    began = time.process_time()
    n_images = sum(len(engine.embed(batch)) for batch in batches)
    return n_images / (time.process_time() - began)


def cosine(some: np.ndarray, others: np.ndarray) -> float:
    """The least between two vectors of the same picture."""
    products = (some * others).sum(axis=1)
    return float((products / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)).min())


def batches_of(folder: Path, model: LoadedModel, settings: Settings) -> Iterator[PixelArray]:
    """The folder's readable pictures, at most 64, prepared for the model."""
    found = []
    with Sandbox(decode_limits(settings)) as sandbox:
        for path in sorted(p for p in folder.rglob("*") if p.is_file())[:64]:
            try:
                found.append(sandbox.decode(path.read_bytes(), model.image_preprocessing).pixels)
            except ImageError as error:
                print(f"{path}: {error}")
    for start in range(0, len(found) - BATCH + 1, BATCH):
        yield np.stack(found[start : start + BATCH])


if __name__ == "__main__":
    main()
