from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contest.labelled import Cut
from benchmarks.contest.running import Finish
from benchmarks.contest.tuning import TuningTask
from benchmarks.tuners.judging import judge
from benchmarks.tuners.report import report

FINISH = Finish(n=8, wall_s=2.0, cpu_s=3.0, peak_mb=0.0, versions={"timm": "1"}, notes={})
METRICS = {"accuracy": 1.0, "n_test": 4, "ece": 0.02}


@pytest.fixture
def task(tmp_path: Path) -> Cut:
    """Four tests, two of each label."""
    for name in ("cat/0.jpg", "cat/1.jpg", "dog/0.jpg", "dog/1.jpg"):
        path = tmp_path / "tree" / "test" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return Cut(
        tree=tmp_path / "tree",
        labels=("cat", "dog"),
        n=8,
        labelled=tmp_path / "labelled.zip",
        tests=tmp_path / "tests.zip",
        truth=("cat", "cat", "dog", "dog"),
    )


@pytest.fixture
def work(tmp_path: Path) -> TuningTask:
    return TuningTask(
        tree=str(tmp_path / "tree"),
        labels=("cat", "dog"),
        n=8,
        n_train=6,
        seed=0,
        epochs=1,
        size=64,
        architecture="tf_efficientnet_lite0",
        weights="",
        transform={},
        scratch=str(tmp_path),
        probabilities=str(tmp_path / "answers.npy"),
    )


def test_a_batch_is_the_contestants_own_unless_it_would_get_none(work: TuningTask):
    assert replace(work, n_train=400).batch(128) == 128
    assert replace(work, n_train=40).batch(64) == 10
    assert work.batch(64) == 2


def test_a_rivals_answers_are_held_against_the_truth(task: Cut, work: TuningTask):
    np.save(work.probabilities, np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]))

    trial = judge("timm", task, work, FINISH)

    assert (trial.n_right, trial.n_tests) == (3, 4)
    assert trial.ece == pytest.approx(0.15)
    assert trial.again_cpu_s is None


def test_costs_stand_beside_those_of_the_first_contestant(task: Cut, work: TuningTask):
    np.save(work.probabilities, np.full((4, 2), 0.5))
    notes = {"metrics": METRICS, "used": "head_only", "again_cpu_s": 0.1, "again_wall_s": 0.5}
    ours = replace(FINISH, cpu_s=1.5, notes=notes)

    found = report([judge("head_only", task, work, ours), judge("timm", task, work, FINISH)])

    assert found.splitlines()[2:] == [
        "| contestant | accuracy | 95 % | ECE | CPU-s | of head_only's | seconds | again |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| **FeatureZoo**, `head_only` | 1.000 | 0.510 to 1.000 | 0.020 | 1.5 | 1.00 | 2.0 | "
        "0.5 s, 0.1 CPU-s |",
        "| timm | 0.500 | 0.150 to 0.850 | 0.000 | 3.0 | 2.00 | 2.0 |  |",
        "",
        "timm 1",
    ]


def test_seeds_judged_on_the_same_pictures_do_not_narrow_the_interval(task: Cut, work: TuningTask):
    finish = replace(FINISH, notes={"metrics": METRICS, "used": "head_only"})

    once = judge("head_only", task, work, finish)
    twice = [once, judge("head_only", task, replace(work, seed=1), finish)]

    assert report(twice) == report([once])


def test_a_strategy_that_gave_the_head_back_is_told(task: Cut, work: TuningTask):
    finish = replace(FINISH, notes={"metrics": METRICS, "used": "head_only"})

    found = report([judge("full", task, work, finish)])

    assert "| **FeatureZoo**, `full` (1 of 1 gave the head) |" in found
