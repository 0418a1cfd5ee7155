import csv
import io
import zipfile
from pathlib import Path

import pytest

from benchmarks.contest.labelled import Cut, NoTaskError, cut, files_of, read_labelled

LABELS = ("cat", "dog", "ship")


def fill(folder: Path, *, n: int, seed: int = 0) -> Path:
    """`n` pictures a label, no two alike; no pixel of them is looked at here."""
    for number, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True)
        for position in range(n):
            content = f"{seed}.{number}.{position}".encode()
            (folder / label / f"{position}.jpg").write_bytes(content)
    return folder


def contents(task: Cut, part: str) -> set[bytes]:
    return {path.read_bytes() for path, _ in files_of(task.tree / part)}


def test_without_a_test_folder_a_fifth_of_each_label_is_held_out(tmp_path: Path):
    labelled = read_labelled(fill(tmp_path / "all", n=10))

    assert {label: len(paths) for label, paths in labelled.held_out.items()} == dict.fromkeys(
        LABELS, 2
    )
    assert {len(paths) for paths in labelled.pool.values()} == {8}


def test_what_is_tested_on_is_never_learned_from(tmp_path: Path):
    fill(tmp_path / "all" / "train", n=10)
    fill(tmp_path / "all" / "test", n=3, seed=1)
    (tmp_path / "all" / "train" / "cat" / "copy.jpg").write_bytes(b"1.0.0")
    labelled = read_labelled(tmp_path / "all")

    task = cut(labelled, size=20, n_labels=2, seed=0, into=tmp_path / "task")

    parts = [contents(task, part) for part in ("train", "validation", "test")]
    assert [len(one) for one in parts] == [16, 4, 6]
    assert len(set().union(*parts)) == 26
    assert b"1.0.0" not in {path.read_bytes() for path in labelled.pool["cat"]}


def test_a_seed_always_draws_the_same_task_and_another_seed_another(tmp_path: Path):
    labelled = read_labelled(fill(tmp_path / "all", n=20))

    drawn = [
        contents(cut(labelled, size=12, n_labels=3, seed=seed, into=tmp_path / str(turn)), "train")
        for turn, seed in enumerate((0, 0, 1))
    ]

    assert drawn[0] == drawn[1] != drawn[2]


def test_labels_are_numbered_as_contestants_sort_them_in_different_ways(tmp_path: Path):
    labelled = read_labelled(fill(tmp_path / "all", n=10))

    task = cut(labelled, size=6, n_labels=3, seed=0, into=tmp_path / "task")

    assert task.labels == ("000-cat", "001-dog", "002-ship")
    assert [label for _, label in files_of(task.tree / "test")] == list(task.truth)
    assert set(task.truth) == set(task.labels)


def test_the_service_is_given_the_same_splits_in_a_manifest(tmp_path: Path):
    labelled = read_labelled(fill(tmp_path / "all", n=10))
    task = cut(labelled, size=8, n_labels=2, seed=0, into=tmp_path / "task")

    with zipfile.ZipFile(task.labelled) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
        told = {archive.read(row["path"]): row["split"] for row in rows}

    assert told == {
        **dict.fromkeys(contents(task, "train"), "train"),
        **dict.fromkeys(contents(task, "validation"), "validation"),
    }
    with zipfile.ZipFile(task.tests) as archive:
        assert sum(name.startswith("test/") for name in archive.namelist()) == len(task.truth) == 4


def test_a_folder_that_has_too_little_is_refused(tmp_path: Path):
    labelled = read_labelled(fill(tmp_path / "all", n=10))

    with pytest.raises(NoTaskError, match=r"'cat' has 8 pictures to learn from, not 10"):
        cut(labelled, size=30, n_labels=3, seed=0, into=tmp_path / "task")
    with pytest.raises(NoTaskError, match="the folder has 3 labels, not 4"):
        cut(labelled, size=8, n_labels=4, seed=0, into=tmp_path / "task")
    with pytest.raises(NoTaskError, match="2 labels have 1 pictures each, not 2 or more"):
        cut(labelled, size=3, n_labels=2, seed=0, into=tmp_path / "task")
    (tmp_path / "few").mkdir()
    with pytest.raises(NoTaskError, match="few has 0 labels with pictures to train and to test"):
        read_labelled(tmp_path / "few")
