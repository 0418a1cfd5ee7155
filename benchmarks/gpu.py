"""How near extraction on a GPU comes to what limits it: decoding, or the bare compiled forward.

    python benchmarks/gpu.py FOLDER [--models NAME ...] [--images 4000] [--batch 256]

FOLDER holds photographs. For each model: decoding alone, a process a core, Pillow and nothing
else; the compiled forward alone, its pixels on the device already; the pipeline, from files
through sandboxes to vectors in one process as a worker's child runs it; and the service, a zip
sent until a search answers. The last two are held against the lower of the first two.

It needs `pip install 'featurezoo[gpu,worker]'` and, for the compiler, a C compiler. Without the
service (`--no-service`) neither broker nor FAISS, and timm only for models of `timm` and `lite`;
ONNX Runtime is not used. `--device cpu` runs all of it without a GPU, to see that it runs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks.contest import tables
from benchmarks.contest.pictures import NoPicturesError, Pictures, gather, pack
from benchmarks.contest.running import ContestantError, run
from benchmarks.contest.task import Task
from benchmarks.extractors.pixels import decoded
from zoo.backbone import Preprocessing
from zoo.inference.engines.batches import BatchEngine
from zoo.inference.engines.device import open_on_device
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.loading import load_backbone
from zoo.inference.models import LoadedModel
from zoo.inference.pipeline import embed_contents
from zoo.inference.placement import CUDA, Placement
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings

MODELS = (
    "torchvision.resnet50.random",
    "lite.efficientnet_lite0.in1k",
    "torchvision.vit_b_16.random",
)
WARM_UP = 128
FORWARD_S = 3.0
"""How long the bare forward is measured."""
CHUNK = 16
HEAD = ("model", "engine", "decoding", "forward", "pipeline", "of the limit", "service", "of it")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is measured on."""

    root: Path
    pictures: Pictures
    archives: tuple[Path, ...]  # the pictures as a zip, then others to warm up with
    placement: Placement
    has_service: bool


def main() -> None:
    """Measure each model and print a row for it."""
    asked = parse(sys.argv[1:])
    if asked.device == CUDA and not torch.cuda.is_available():
        sys.exit("gpu.py: torch finds no GPU here; --device cpu shows that the program runs")
    print(f"{tables.machine()}, {device_name(asked.device)}, torch {torch.__version__}\n")
    print(tables.table(HEAD, []), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-gpu-") as folder:
        try:
            stage = set_up(asked, Path(folder))
        except NoPicturesError as error:
            sys.exit(f"gpu.py: {error}")
        for name in asked.models:
            print(f"| {' | '.join(row(name, stage))} |", flush=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="extraction on a GPU against its limits")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--decoders", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    parser.add_argument("--no-service", action="store_true", help="leave the whole service out")
    return parser.parse_args(arguments)


def device_name(device: str) -> str:
    """The GPU's name."""
    return torch.cuda.get_device_name() if device == CUDA else "no GPU"


def set_up(asked: argparse.Namespace, root: Path) -> Stage:
    """The pictures, as files and as zips."""
    sets = gather(asked.folder, sizes=(asked.images, WARM_UP, WARM_UP), into=root / "pictures")
    archives = tuple(root / f"{number}.zip" for number in range(len(sets)))
    if not asked.no_service:
        for pictures, archive in zip(sets, archives, strict=True):
            pack(pictures, archive)
    if asked.device != CUDA:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for the service's processes
    placement = Placement(
        device=asked.device,
        batch=asked.batch,
        decoders=asked.decoders,
        is_compiled=not asked.eager,
    )
    return Stage(
        root=root,
        pictures=sets[0],
        archives=archives,
        placement=placement,
        has_service=not asked.no_service,
    )


def row(name: str, stage: Stage) -> tuple[str, ...]:
    """One model's figures, images a second."""
    plugin, architecture, weights = name.split(".", 2)
    ref = BackboneRef(plugin=plugin, architecture=architecture, weights=weights)
    model = on_device(ref, stage)
    decoding = decoding_rate(stage, model.image_preprocessing)
    forward = forward_rate(model, stage.placement)
    pipeline = pipeline_rate(model, stage)
    limit = min(decoding, forward)
    engine = model.engine_name
    del model
    if stage.placement.is_gpu:
        torch.cuda.empty_cache()  # the service's worker wants the memory
    service = service_rate(name, stage) if stage.has_service else 0.0
    rates = tuple(f"{rate:.0f}" for rate in (decoding, forward, pipeline))
    return (f"`{name}`", engine, *rates, share(pipeline, limit), *whole(service, limit))


def on_device(ref: BackboneRef, stage: Stage) -> LoadedModel:
    """The model on the device asked for, even if that is the CPU."""
    loaded = load_backbone(ref, weights_cache=stage.root / "weights")
    engine = open_on_device(loaded, stage.placement)
    return LoadedModel(
        ref=loaded.ref,
        detail=loaded.detail,
        preprocessing=loaded.image_tower.preprocessing,
        engine=engine or EagerEngine(loaded),
        text_engine=None,
        native_head=None,
    )


def share(rate: float, limit: float) -> str:
    """How much of its limit a rate is."""
    return f"{rate / limit:.2f}"


def whole(service: float, limit: float) -> tuple[str, str]:
    """The service's figures, empty where it did not run."""
    return (f"{service:.0f}", share(service, limit)) if service else ("", "")


def decoding_rate(stage: Stage, preprocessing: Preprocessing) -> float:
    """Decoding alone: a process a core, no sandbox."""
    paths = stage.pictures.paths
    work = partial(decode, preprocessing=asdict(preprocessing))
    with multiprocessing.get_context("spawn").Pool(stage.placement.decoders) as pool:
        pool.map(work, paths[: CHUNK * stage.placement.decoders], chunksize=CHUNK)
        began = time.monotonic()
        pool.map(work, paths, chunksize=CHUNK)
        return len(paths) / (time.monotonic() - began)


def decode(path: Path, *, preprocessing: dict[str, object]) -> None:
    """One picture, in a process of the pool."""
    decoded(path.read_bytes(), preprocessing)


def forward_rate(model: LoadedModel, placement: Placement) -> float:
    """The forward alone, of full batches that lie on the device."""
    engine = model.image_engine
    size = model.image_preprocessing.input_size
    shape = (placement.batch, *size, 3)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    if not isinstance(engine, BatchEngine):
        began = time.monotonic()
        engine.embed(pixels.numpy())
        return placement.batch / (time.monotonic() - began)
    pixels = pixels.to(placement.device)
    n = 0
    with torch.inference_mode():
        for _ in range(3):
            engine.forward(pixels)
        began = synchronized(placement)
        while synchronized(placement) - began < FORWARD_S:
            for _ in range(4):
                engine.forward(pixels)
            n += 4 * placement.batch
        return n / (synchronized(placement) - began)


def synchronized(placement: Placement) -> float:
    """The time once the device is idle."""
    if placement.device == CUDA:
        torch.cuda.synchronize()
    return time.monotonic()


def pipeline_rate(model: LoadedModel, stage: Stage) -> float:
    """Files to vectors in this process, decoded by its sandboxes."""
    settings = Settings(home=stage.root)
    sandboxes = SandboxPool(decode_limits(settings), size=stage.placement.decoders)
    contents = [(path.name, path.read_bytes) for path in stage.pictures.paths]
    try:
        for part in (contents[: stage.placement.batch], contents):  # the first to warm up
            began = time.monotonic()
            found = embed_contents(
                part, model=model, sandbox=sandboxes, batch=stage.placement.batch
            )
            n = sum(1 for _ in found)
        return n / (time.monotonic() - began)
    finally:
        sandboxes.close()


def service_rate(name: str, stage: Stage) -> float:
    """The whole service, from sending a zip until a search answers; 0 where it does not run."""
    task = Task(
        model=name,
        folder=str(stage.pictures.folder),
        names=stage.pictures.names,
        network="",
        graph="",
        engine="",
        preprocessing={},
        transform={},
        vectors=str(stage.root / "vectors.npy"),
        scratch=str(stage.root / f"service-{name}"),
        archive=str(stage.archives[0]),
        warm_up=tuple(map(str, stage.archives[1:])),
    )
    try:
        return run("benchmarks.extractors.service", task, python=Path(sys.executable)).rate
    except ContestantError as error:
        print(f"the service is left out: {error}", file=sys.stderr, flush=True)
        return 0.0


if __name__ == "__main__":
    main()
