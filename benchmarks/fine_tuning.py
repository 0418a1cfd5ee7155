"""Fine-tuning on labelled pictures: the service against what else one would train with.

    python benchmarks/fine_tuning.py FOLDER [--images 50 500 2000] [--labels 2 10] [--seeds 3]

FOLDER holds `train/LABEL/` and `test/LABEL/`, or `LABEL/` alone. Tasks of each size and number of
labels are cut from it, one a seed. Every contestant gets the same pictures, splits, network and
weights, in a process of its own, one after the other, and one try with its own defaults.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.contest import sized, tables
from benchmarks.contest.labelled import (
    TRAIN,
    Cut,
    Labelled,
    NoTaskError,
    cut,
    files_of,
    read_labelled,
)
from benchmarks.contest.running import ContestantError, run
from benchmarks.contest.service import ServiceError
from benchmarks.contest.standing import Standing, stand
from benchmarks.contest.tuning import TuningTask
from benchmarks.contest.venvs import RivalUnavailableError, ensure
from benchmarks.tuners.judging import Trial, judge
from benchmarks.tuners.report import report

SERVICE = "service"
RIVALS = {"fastai": "with_fastai", "timm": "with_timm", "naive": "naive"}
INSTALLED = ("fastai",)  # in environments of their own


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Who takes part: the service by a strategy, or a rival; and whose Python runs it."""

    name: str
    module: str
    python: Path
    strategy: str = ""


def main() -> None:
    """Run the contest and print its tables."""
    asked = parse(sys.argv[1:])
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # every contestant trains on the CPU
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-fine-tuning-") as name:
        try:
            standing, trials = contest(asked, Path(name))
        except (NoTaskError, ServiceError) as error:
            sys.exit(f"fine_tuning.py: {error}")
    print(
        f"{standing.model}, {asked.size} px, {asked.epochs} epochs, {asked.seeds} seeds; an "
        f"idle service takes {1000 * standing.idle_cpu_s:.0f} CPU-ms a second\n"
    )
    print(report(trials))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="fine-tuning, compared")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=(50, 500, 2000))
    parser.add_argument("--labels", type=int, nargs="+", default=(2, 10))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10, help="of the rivals, who name no number")
    parser.add_argument(
        "--size", type=int, choices=(*sized.SIZES, sized.NATIVE), default=sized.NATIVE
    )
    parser.add_argument("--only", nargs="+", choices=(SERVICE, *RIVALS))
    parser.add_argument("--strategies", nargs="+", help="of the service's; default: all it offers")
    parser.add_argument("--venvs", type=Path, default=Path(".zoo/benchmarks"))
    return parser.parse_args(arguments)


def contest(asked: argparse.Namespace, root: Path) -> tuple[Standing, list[Trial]]:
    """All tasks, each by every contestant in turn; who fails is left out from then on."""
    labelled = read_labelled(asked.folder)
    pictures = [path for paths in labelled.held_out.values() for path in paths]
    standing = stand(root / "standing", size=asked.size, pictures=pictures)
    contestants = list(chosen(asked, standing.strategies))
    trials = []
    for seed, task in tasks(asked, labelled, root):
        for one in tuple(contestants):
            work = work_of(one, task, standing, seed=seed, epochs=asked.epochs)
            try:
                finish = run(f"benchmarks.tuners.{one.module}", work, python=one.python)
            except ContestantError as error:
                print(f"{one.name} is left out: {error}", file=sys.stderr, flush=True)
                contestants.remove(one)
                continue
            trials.append(judge(one.name, task, work, finish))
            print(trials[-1], file=sys.stderr, flush=True)
    return standing, trials


def chosen(asked: argparse.Namespace, offered: Sequence[str]) -> Iterator[Contestant]:
    """The contestants asked for; raises `NoTaskError` for a strategy that is not offered."""
    names, here = asked.only or (SERVICE, *RIVALS), Path(sys.executable)
    for strategy in asked.strategies or offered:
        if strategy not in offered:
            raise NoTaskError(f"no strategy {strategy!r}; the service offers {', '.join(offered)}")
        if SERVICE in names:
            yield Contestant(name=strategy, module=SERVICE, python=here, strategy=strategy)
    for name, module in RIVALS.items():
        if name in names and (python := python_of(name, asked.venvs)):
            yield Contestant(name=name, module=module, python=python)


def python_of(rival: str, venvs: Path) -> Path | None:
    """The Python that a rival runs in; none, and the reason is told, if it has no place here."""
    if rival not in INSTALLED:
        return Path(sys.executable)
    try:
        return ensure(rival, venvs.absolute())
    except RivalUnavailableError as error:
        print(f"{rival} is left out: {error}", file=sys.stderr, flush=True)
        return None


def tasks(asked: argparse.Namespace, labelled: Labelled, root: Path) -> Iterator[tuple[int, Cut]]:
    """Seeds and tasks; those that the folder has too little for are left out with the reason."""
    for n_labels in asked.labels:
        for size in asked.images:
            for seed in range(asked.seeds):
                into = root / f"{size}-of-{n_labels}-{seed}"
                try:
                    yield seed, cut(labelled, size=size, n_labels=n_labels, seed=seed, into=into)
                except NoTaskError as error:
                    print(f"no task of {size}: {error}", file=sys.stderr, flush=True)
                    break


def work_of(
    contestant: Contestant, task: Cut, standing: Standing, *, seed: int, epochs: int
) -> TuningTask:
    """What a contestant is given."""
    scratch = task.tree.parent / contestant.name
    return TuningTask(
        tree=str(task.tree),
        labels=task.labels,
        n=task.n,
        n_train=len(files_of(task.tree / TRAIN)),
        seed=seed,
        epochs=epochs,
        size=standing.transform["input_size"][-1],
        architecture=standing.architecture,
        weights=str(standing.weights),
        transform=standing.transform,
        scratch=str(scratch),
        probabilities=f"{scratch}.npy",
        labelled=str(task.labelled),
        tests=str(task.tests),
        model=standing.model,
        strategy=contestant.strategy,
        home=str(standing.home),
        plugins=str(standing.plugins),
    )


if __name__ == "__main__":
    main()
