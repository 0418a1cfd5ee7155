"""How fast each engine forwards a model on one thread, and how far they are from torch.

    python benchmarks/engines.py FOLDER [MODEL ...]

FOLDER holds photographs; a MODEL is a full name such as `timm.resnet50.random`. All engines
forward the same pictures in turn, in batches as workers do; what is printed is the median of the
rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ImageError
from zoo.images.sandbox import Sandbox
from zoo.inference.engines import Engine, FloatArray, PixelArray
from zoo.inference.exports import GRAPH, Export, Exports
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.pipeline import larger_batch
from zoo.inference.runtimes import GRAPH_BATCH, ONNXRUNTIME, OPENVINO, open_graph
from zoo.inference.sandboxes import decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings

TORCH = "eager"
BATCHES: Mapping[str, int] = {
    TORCH: larger_batch(GRAPH_BATCH),
    ONNXRUNTIME: GRAPH_BATCH,
    OPENVINO: GRAPH_BATCH,
}
MOST_PICTURES, N_SAMPLES = 64, 8
ROUNDS = 5
MODELS = ("lite.efficientnet_lite0.in1k",)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Engines on the same pictures."""

    rates: Mapping[str, float]  # images per CPU-second of each
    least_cosine: float  # to torch


def main() -> None:
    """Compare each model and print a row for it."""
    parser = argparse.ArgumentParser(description="torch against an export, forward only")
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    asked = parser.parse_args()
    print("| model | torch | ONNX Runtime | OpenVINO | taken | least cosine | export |")
    print("|---|---:|---:|---:|---|---:|---:|")
    for name in asked.models:
        plugin, architecture, weights = name.split(".", 2)
        ref = BackboneRef(plugin=plugin, architecture=architecture, weights=weights)
        with tempfile.TemporaryDirectory() as home:
            print(
                f"| `{name}` | {row(ref, Settings(home=Path(home)), asked.folder)} |", flush=True
            )


def row(ref: BackboneRef, settings: Settings, folder: Path) -> str:
    """One model's figures, or why it has none."""
    built = ModelCache(settings).get(ref)
    pictures = np.stack(list(pictures_of(folder, built, settings)))
    exports = Exports(settings.home, timeout_s=settings.export_timeout_s)
    began = time.monotonic()
    made = exports.make(built.ref, built.detail, samples=lambda: pictures[:N_SAMPLES])
    export_s = time.monotonic() - began
    if not made.is_ready:
        return "runs in torch only"
    found = compare(engines_of(built, made), pictures)
    rates = " | ".join(f"{found.rates.get(name, 0):.1f}" for name in BATCHES)
    return f"{rates} | {made.engine} | {found.least_cosine:.6f} | {export_s:.1f} s"


def engines_of(built: LoadedModel, made: Export) -> dict[str, Engine]:
    """torch, and those that were found to give the same."""
    graph = made.folder / GRAPH
    names = list(made.rates) or [ONNXRUNTIME]
    graphs = {name: open_graph(name, graph, batch=BATCHES[name]) for name in names}
    return {TORCH: built.image_engine, **graphs}


def compare(engines: Mapping[str, Engine], pictures: PixelArray) -> Comparison:
    """Forward all pictures with each, round after round."""
    rates: dict[str, list[float]] = {name: [] for name in engines}
    vectors: dict[str, FloatArray] = {}
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            began = time.process_time()
            vectors[name] = embed(engine, pictures, batch=BATCHES[name])
            rates[name].append(len(pictures) / (time.process_time() - began))
    return Comparison(
        rates={name: statistics.median(rounds) for name, rounds in rates.items()},
        least_cosine=min(cosine(found, vectors[TORCH]) for found in vectors.values()),
    )


def embed(engine: Engine, pictures: PixelArray, *, batch: int) -> FloatArray:
    """Embeddings `(n, dim)`."""
    starts = range(0, len(pictures), batch)
    return np.concatenate([engine.embed(pictures[start : start + batch]) for start in starts])


def cosine(some: FloatArray, others: FloatArray) -> float:
    """The least between two vectors of the same picture."""
    products = (some * others).sum(axis=1)
    return float((products / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)).min())


def pictures_of(folder: Path, model: LoadedModel, settings: Settings) -> Iterator[PixelArray]:
    """The folder's readable pictures, of the first few, prepared for the model."""
    paths: Sequence[Path] = sorted(path for path in folder.rglob("*") if path.is_file())
    with Sandbox(decode_limits(settings)) as sandbox:
        for path in paths[:MOST_PICTURES]:
            try:
                yield sandbox.decode(path.read_bytes(), model.image_preprocessing).pixels
            except ImageError as error:
                print(f"{path}: {error}")


if __name__ == "__main__":
    main()
