"""What it costs to decode pictures in a sandbox: a worker's own pipeline, with one and without.

    python benchmarks/sandbox.py FOLDER [--images 40] [--rounds 15] [--model NAME]

The same pictures, as JPEGs and as PNGs, go through the code that embeds a shard, once with its
sandbox and once with the same decoding in the process itself, in rounds in turn, and are decoded
alone both ways. One core each, as a worker's children have: what counts there is the CPU time of
both processes.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PIL import Image, ImageOps

from benchmarks.contest import tables
from benchmarks.contest.model import NoModelError, find
from benchmarks.contest.pictures import NoPicturesError, gather
from benchmarks.extractors.pixels import decoded
from zoo.backbone import Preprocessing
from zoo.errors import ContentError
from zoo.images.sandbox import Decoded, PictureDecoder, Sandbox
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.pipeline import embed_contents
from zoo.inference.sandboxes import decode_limits
from zoo.settings import Settings

BATCH = 8
KINDS = ("JPEG", "PNG")
QUALITY = 90


class Bare:
    """The sandbox's decoding without a sandbox."""

    lanes = 1

    def start(self) -> None:
        """There is nothing to start."""

    def decode(self, content: bytes, preprocessing: Preprocessing) -> Decoded:
        """The same pixels."""
        pixels = decoded(content, asdict(preprocessing))
        return Decoded(pixels=pixels, width=pixels.shape[1], height=pixels.shape[0])

    def cpu_s(self) -> float:
        """No other process's."""
        return 0.0


@dataclass(kw_only=True)
class Spent:
    """CPU seconds of each round, with a sandbox and without."""

    confined: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """What of the throughput the sandbox costs: the median of rounds, each with its pair."""
        pairs = zip(self.bare, self.confined, strict=True)
        return median(1 - bare / confined for bare, confined in pairs)


def main() -> None:
    """Measure and print the table."""
    asked = parse(sys.argv[1:])
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-sandbox-") as name:
        try:
            kinds = pictures_of(asked, Path(name))
            settings = Settings(home=Path(name, "home"))
            model = exported(asked.model, settings, kinds["JPEG"])
            stay_on_one_core()
            with Sandbox(decode_limits(settings)) as sandbox:
                found = measure(kinds, model, sandbox, rounds=asked.rounds)
        except (NoModelError, NoPicturesError) as error:
            sys.exit(f"sandbox.py: {error}")
    print(f"{model.ref.name}, {asked.images} pictures, {asked.rounds} rounds\n")
    print(report(found, n=asked.images))


def stay_on_one_core() -> None:
    """This process and those that it starts, where a system lets that be."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="what the sandbox costs")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--model", default="lite.efficientnet_lite0")
    return parser.parse_args(arguments)


def pictures_of(asked: argparse.Namespace, root: Path) -> Mapping[str, Sequence[bytes]]:
    """The same pictures in each kind of file."""
    [found] = gather(asked.folder, sizes=(asked.images,), into=root / "pictures")
    return {kind: [encoded(path.read_bytes(), kind) for path in found.paths] for kind in KINDS}


def encoded(content: bytes, kind: str) -> bytes:
    """A picture again, upright, in another kind of file."""
    with Image.open(io.BytesIO(content)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    buffer = io.BytesIO()
    upright.save(buffer, kind, quality=QUALITY)
    return buffer.getvalue()


def exported(name: str, settings: Settings, originals: Sequence[bytes]) -> LoadedModel:
    """The model as workers forward it."""
    models = ModelCache(settings)
    built = models.get(find(name))
    wanted = built.image_preprocessing
    samples = np.stack([Bare().decode(one, wanted).pixels for one in originals[:BATCH]])
    models.export(built.ref, built.detail, samples=lambda: samples)
    return models.get(built.ref)


def measure(
    kinds: Mapping[str, Sequence[bytes]], model: LoadedModel, sandbox: Sandbox, *, rounds: int
) -> Mapping[str, Spent]:
    """CPU time by what is done, in rounds in turn; the first warms up and is not counted."""
    found = {f"{kind}, {what}": Spent() for kind in kinds for what in WORK}
    for number in range(rounds + 1):
        for kind, contents in kinds.items():
            for what, work in WORK.items():
                confined = cpu_s(sandbox, lambda: work(contents, model, sandbox))  # noqa: B023
                bare = cpu_s(sandbox, lambda: work(contents, model, Bare()))  # noqa: B023
                if number:
                    found[f"{kind}, {what}"].confined.append(confined)
                    found[f"{kind}, {what}"].bare.append(bare)
    return found


def decode(contents: Sequence[bytes], model: LoadedModel, decoder: PictureDecoder) -> None:
    """To pixels, and no further."""
    for content in contents:
        decoder.decode(content, model.image_preprocessing)


def embed(contents: Sequence[bytes], model: LoadedModel, decoder: PictureDecoder) -> None:
    """To embeddings, as a worker does it; raises what a picture raises."""
    given = [(number, partial(bytes, one)) for number, one in enumerate(contents)]
    for _, outcome in embed_contents(given, model=model, sandbox=decoder, batch=BATCH):
        if isinstance(outcome, ContentError):
            raise outcome


WORK: Mapping[str, Callable[[Sequence[bytes], LoadedModel, PictureDecoder], None]] = {
    "decoded": decode,
    "embedded": embed,
}


def cpu_s(sandbox: Sandbox, act: Callable[[], None]) -> float:
    """Processor time of this process and the sandbox's while something is done."""
    before = time.process_time() + sandbox.cpu_s()
    act()
    return time.process_time() + sandbox.cpu_s() - before


def report(found: Mapping[str, Spent], *, n: int) -> str:
    """A row for each, in pictures per CPU-second and the sandbox's share."""
    head = ("", "in the process", "in the sandbox", "cost")
    rows = [
        (
            title,
            f"{n / median(spent.bare):.1f}",
            f"{n / median(spent.confined):.1f}",
            f"{100 * spent.share:.1f} %",
        )
        for title, spent in found.items()
    ]
    return tables.table(head, rows)


if __name__ == "__main__":
    main()
