"""A folder of photographs to embeddings: the service against what else one would use for it.

    python benchmarks/extraction.py FOLDER [--images 1000] [--model NAME] [--rounds 3]

Every contestant embeds the same files with the same network, each in a process of its own, in
rounds in turn. What is printed is the median of the rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.contest import tables
from benchmarks.contest.agreement import Agreement, compare
from benchmarks.contest.model import Model, NoModelError, prepare
from benchmarks.contest.pictures import NoPicturesError, Pictures, gather, pack
from benchmarks.contest.running import ContestantError, Finish, run
from benchmarks.contest.task import Task
from benchmarks.contest.venvs import RivalUnavailableError, ensure
from zoo.inference.runtimes import ONNXRUNTIME

SERVICE, COMPOSITION, NAIVE = "service", "composition", "naive"
FOLDER, FORWARD = "service-folder", "forward"
WARM_UP = 128  # pictures of each of two ingests before the one that counts


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Who takes part, and in whose environment."""

    name: str
    module: str
    title: str
    rival: str = ""  # its recipe; empty: it runs in this environment
    batch: int = 32  # pictures a forward, as their documentation has it
    engine: str = ""  # that forwards a graph; empty: the service's


CONTESTANTS = (
    Contestant(name=NAIVE, module="naive", title="naive loop, timm + PIL"),
    Contestant(name=SERVICE, module="service", title="**FeatureZoo**, the service end to end"),
    Contestant(
        name=FOLDER, module="service_folder", title="**FeatureZoo**, reading the folder itself"
    ),
    Contestant(name=COMPOSITION, module="composition", title="hand-tuned composition"),
    Contestant(
        name="composition-onnxruntime",
        module="composition",
        title="the same with ONNX Runtime",
        engine=ONNXRUNTIME,
    ),
    Contestant(name=FORWARD, module="forward", title="bare forward"),
    Contestant(name="dataloader", module="loader", title="DataLoader, torch"),
    Contestant(name="dataloader-8", module="loader", title="DataLoader, batches of 8", batch=8),
    Contestant(
        name="thingsvision",
        module="with_thingsvision",
        title="thingsvision",
        rival="thingsvision",
    ),
    Contestant(
        name="clip-retrieval",
        module="with_clip_retrieval",
        title="clip-retrieval",
        rival="clip-retrieval",
    ),
    Contestant(
        name="img2vec", module="with_img2vec", title="img2vec-pytorch", rival="img2vec-pytorch"
    ),
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What all contestants are given."""

    root: Path  # everything that is made lies here
    pictures: Pictures
    archives: tuple[Path, ...]  # the pictures as a zip, then others to warm up with
    model: Model

    def task(self, contestant: Contestant, number: int) -> Task:
        """The work of a contestant in a round."""
        scratch = self.root / f"{contestant.name}-{number}"
        return Task(
            model=self.model.name,
            folder=str(self.pictures.folder),
            names=self.pictures.names,
            network=str(self.model.network),
            graph=str(self.model.graph),
            engine=contestant.engine or self.model.engine,
            preprocessing=self.model.preprocessing,
            transform=self.model.transform,
            vectors=str(self.root / f"{contestant.name}-{number}.npy"),
            scratch=str(scratch),
            processes=len(os.sched_getaffinity(0)),
            archive=str(self.archives[0]),
            batch=contestant.batch,
            warm_up=tuple(map(str, self.archives[1:])),
        )


@dataclass(frozen=True, kw_only=True)
class Score:
    """A contestant's rounds."""

    contestant: Contestant
    finishes: tuple[Finish, ...]
    agreement: Agreement

    def middle(self, what: str) -> float:
        """The median of a figure."""
        return median(float(getattr(one, what)) for one in self.finishes)

    def noted(self, what: str) -> float:
        """The median of a figure among its notes."""
        return median(float(one.notes[what]) for one in self.finishes)


def main() -> None:
    """Run the contest and print its tables."""
    asked = parse(sys.argv[1:])
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-extraction-") as name:
        try:
            stage = set_up(asked, Path(name))
            scores = contest(stage, chosen(asked.only), asked)
        except (NoPicturesError, NoModelError) as error:
            sys.exit(f"extraction.py: {error}")
    print(f"{stage.model.name}, {len(stage.pictures.names)} pictures, {asked.rounds} rounds\n")
    print(report(scores))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="embedding a folder, compared")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--model", default="lite.efficientnet_lite0")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[one.name for one in CONTESTANTS])
    parser.add_argument("--venvs", type=Path, default=Path(".zoo/benchmarks"))
    return parser.parse_args(arguments)


def set_up(asked: argparse.Namespace, root: Path) -> Stage:
    """The pictures, once as files and once as a zip, and the model."""
    sets = gather(asked.folder, sizes=(asked.images, WARM_UP, WARM_UP), into=root / "pictures")
    archives = tuple(root / f"{number}.zip" for number in range(len(sets)))
    for pictures, archive in zip(sets, archives, strict=True):
        pack(pictures, archive)
    model = prepare(asked.model, sets[0], folder=root / "model")
    return Stage(root=root, pictures=sets[0], archives=archives, model=model)


def chosen(names: Sequence[str] | None) -> list[Contestant]:
    """The contestants asked for; the naive loop always runs, as the others are held against it."""
    return [one for one in CONTESTANTS if not names or one.name in (*names, NAIVE)]


def contest(
    stage: Stage, contestants: Sequence[Contestant], asked: argparse.Namespace
) -> list[Score]:
    """All rounds in turn; a rival that cannot be made to run is left out with its reason."""
    pythons = {one.name: found for one in contestants if (found := python_of(one, asked.venvs))}
    finishes: dict[str, list[Finish]] = {name: [] for name in pythons}
    for number in range(asked.rounds):
        for one in contestants:
            if one.name not in pythons:
                continue
            try:
                done = run_one(one, stage.task(one, number), python=pythons[one.name])
            except ContestantError as error:
                print(f"{one.name} is left out: {error}", file=sys.stderr, flush=True)
                del pythons[one.name], finishes[one.name]
                continue
            finishes[one.name].append(done)
    return [score(stage, one, finishes[one.name]) for one in contestants if one.name in finishes]


def python_of(contestant: Contestant, venvs: Path) -> Path | None:
    """The Python that a contestant runs in."""
    if not contestant.rival:
        return Path(sys.executable)
    try:
        return ensure(contestant.rival, venvs.absolute())
    except RivalUnavailableError as error:
        print(f"{contestant.name} is left out: {error}", file=sys.stderr, flush=True)
        return None


def run_one(contestant: Contestant, task: Task, *, python: Path) -> Finish:
    """One contestant's round."""
    done = run(f"benchmarks.extractors.{contestant.module}", task, python=python)
    print(
        f"{contestant.name}: {done.rate:.1f} images/s, {done.cpu_ms:.1f} CPU-ms/image, "
        f"{done.peak_mb:.0f} MB {dict(done.notes) or ''}",
        file=sys.stderr,
        flush=True,
    )
    return done


def score(stage: Stage, contestant: Contestant, finishes: Sequence[Finish]) -> Score:
    """A contestant's rounds, and its last vectors against the naive loop's first."""
    reference = np.load(stage.root / f"{NAIVE}-0.npy")
    found = np.load(stage.root / f"{contestant.name}-{len(finishes) - 1}.npy")
    return Score(
        contestant=contestant, finishes=tuple(finishes), agreement=compare(found, reference)
    )


def report(scores: Sequence[Score]) -> str:
    """All tables."""
    by_name = {one.contestant.name: one for one in scores}
    parts = [main_table(scores, by_name)]
    for name in (SERVICE, FOLDER):
        if name in by_name:
            parts.extend((service_table(by_name[name]), *forwarding(by_name[name], by_name)))
    found = [finish.versions for one in scores for finish in one.finishes]
    return "\n\n".join([*parts, tables.versions(found)])


def main_table(scores: Sequence[Score], by_name: Mapping[str, Score]) -> str:
    """One row a contestant, the fastest first."""
    head = (
        "contestant",
        "images/s",
        "rounds",
        "CPU-ms/image",
        "of the service",
        "of the composition",
        "of the bare forward",
        "least cosine",
        "same neighbour",
        "peak memory",
    )
    ranked = sorted(scores, key=lambda one: -one.middle("rate"))
    return tables.table(
        head,
        [
            (
                one.contestant.title,
                f"{one.middle('rate'):.1f}",
                " ".join(f"{finish.rate:.0f}" for finish in one.finishes),
                f"{one.middle('cpu_ms'):.1f}",
                ratio(one, by_name.get(SERVICE)),
                ratio(one, by_name.get(COMPOSITION)),
                ratio(one, by_name.get(FORWARD)),
                f"{one.agreement.least_cosine:.5f}",
                f"{one.agreement.same_neighbours:.1%}",
                f"{one.middle('peak_mb'):.0f} MB",
            )
            for one in ranked
        ],
    )


def ratio(one: Score, other: Score | None) -> str:
    """The median over the rounds of how much faster one is than another in the same round."""
    if other is None:
        return ""
    pairs = zip(one.finishes, other.finishes, strict=True)
    return f"{median(ours.rate / theirs.rate for ours, theirs in pairs):.2f}"


def forwarding(ours: Score, by_name: Mapping[str, Score]) -> list[str]:
    """What the network alone takes in the service's workers, against the bare forward."""
    if FORWARD not in by_name:
        return []
    took = median(one.notes["extraction"]["forward_ms_per_image"] for one in ours.finishes)
    bare = by_name[FORWARD].middle("cpu_ms")
    return [
        f"The network alone: {took:.2f} CPU-ms an image in the service's workers, {bare:.2f} "
        f"bare: {bare / took:.2f} of its speed."
    ]


def service_table(score: Score) -> str:
    """What the service did apart from the ingest that counts, and where its time went."""
    last = score.finishes[-1].notes
    again_s, first_s = score.noted("again_s"), score.middle("wall_s")
    rows = [
        (f"first ingest ever ({WARM_UP} other pictures), model built and exported", "cold_s"),
        ("the pictures, model warm", ""),
        ("the same pictures again", "again_s"),
    ]
    ingests = tables.table(
        (f"{score.contestant.title}: ingest, until a search answers", "seconds"),
        [(title, f"{score.noted(key) if key else first_s:.2f}") for title, key in rows],
    )
    share = f"Again: {again_s / first_s:.1%} of the time, {last['again_result']}."
    parts = tables.table(
        ("part", "CPU-ms/image"),
        [
            (name, f"{1000 * spent / score.finishes[-1].n:.2f}")
            for name, spent in sorted(last["cpu_by_part"].items(), key=lambda part: -part[1])
            if spent > 0
        ],
    )
    phases = tables.table(
        ("phase, seconds", "first", "again"),
        [
            (name, f"{spent:.2f}", f"{last['again_phases'].get(name, 0.0):.2f}")
            for name, spent in last["phases"].items()
        ],
    )
    return "\n\n".join([ingests, share, parts, phases])


if __name__ == "__main__":
    main()
