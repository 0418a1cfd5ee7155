"""What the contest found, as tables: one for each size and number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median

from benchmarks.contest import tables
from benchmarks.tuners.judging import Trial
from zoo.training.intervals import wilson_interval


def report(trials: Sequence[Trial]) -> str:
    """All tables; costs stand beside those of who took part first."""
    kinds = sorted({(one.n_labels, one.n) for one in trials})
    parts = []
    for n_labels, n in kinds:
        of_kind = [one for one in trials if (one.n_labels, one.n) == (n_labels, n)]
        parts.append(f"{n} pictures of {n_labels} labels\n\n{table_of(of_kind)}")
    return "\n\n".join([*parts, tables.versions(one.versions for one in trials)])


def table_of(trials: Sequence[Trial]) -> str:
    """A row a contestant, in the order in which they took part."""
    names = list(dict.fromkeys(one.contestant for one in trials))
    first = {one.seed: one for one in trials if one.contestant == names[0]}
    rows = [row_of([one for one in trials if one.contestant == name], first) for name in names]
    of_first = f"of {names[0]}'s"
    head = ("contestant", "accuracy", "95 %", "ECE", "CPU-s", of_first, "seconds", "again")
    return tables.table(head, rows)


def row_of(trials: Sequence[Trial], first: dict[int, Trial]) -> tuple[str, ...]:
    """Tests of all seeds together; medians of the seeds' costs and of their ratios.

    Seeds may be judged on the same pictures, which then count once for the interval.
    """
    share = sum(one.n_right for one in trials) / sum(one.n_tests for one in trials)
    n_tests = len(frozenset().union(*(one.tests for one in trials)))
    low, high = wilson_interval(share * n_tests, n_tests)
    ratios = [one.cpu_s / first[one.seed].cpu_s for one in trials if one.seed in first]
    return (
        title_of(trials),
        f"{share:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{mean(one.ece for one in trials):.3f}",
        f"{median(one.cpu_s for one in trials):.1f}",
        f"{median(ratios):.2f}" if ratios else "",
        f"{median(one.wall_s for one in trials):.1f}",
        again_of(trials),
    )


def title_of(trials: Sequence[Trial]) -> str:
    """The contestant; of a service the strategy, and how often another one came out."""
    name, used = trials[0].contestant, trials[0].used
    others = sum(one.used != name for one in trials) if used else 0
    title = f"**FeatureZoo**, `{name}`" if used else name
    return f"{title} ({others} of {len(trials)} gave the head)" if others else title


def again_of(trials: Sequence[Trial]) -> str:
    """The second fine-tune on the same pictures: seconds and CPU seconds."""
    walls = [one.again_wall_s for one in trials if one.again_wall_s is not None]
    cpus = [one.again_cpu_s for one in trials if one.again_cpu_s is not None]
    return f"{median(walls):.1f} s, {median(cpus):.1f} CPU-s" if walls and cpus else ""
