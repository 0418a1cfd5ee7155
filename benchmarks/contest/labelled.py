"""Tasks cut from a folder of labelled pictures: to learn from, to choose by, to judge on."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TRAIN, VALIDATION, TEST = "train", "validation", "test"
MANIFEST = "manifest.csv"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})  # what every contestant looks for
SHARE = 5  # one of so many is held out: for the test, then of the rest to choose by
MOST_TESTS = 1000
LEAST = 2  # pictures of a label: one to learn from and one to choose by

ByLabel = Mapping[str, Sequence[Path]]


class NoTaskError(Exception):
    """A folder has not what a task needs."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A folder's pictures by label, no content twice."""

    pool: ByLabel  # to cut tasks from
    held_out: ByLabel  # what all tasks are judged on


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Where the pictures of one task lie: `train`, `validation` and `test`, a folder a label."""

    tree: Path
    labels: tuple[str, ...]  # numbered, so that whoever sorts them gets the same order
    n: int  # pictures to learn from and to choose by
    labelled: Path  # those as a zip with a manifest
    tests: Path  # those to judge on, likewise
    truth: tuple[str, ...]  # the labels of these, in the order of their paths


def read_labelled(folder: Path) -> Labelled:
    """`train/LABEL/` and `test/LABEL/`, or `LABEL/` alone, of which a fifth is then held out.

    Raises `NoTaskError` for fewer than two labels.
    """
    seen: set[str] = set()
    if (folder / TRAIN).is_dir() and (folder / TEST).is_dir():
        held_out = _by_label(folder / TEST, seen)
        pool = _by_label(folder / TRAIN, seen)
    else:
        every = _by_label(folder, seen)
        held_out = {label: paths[: len(paths) // SHARE] for label, paths in every.items()}
        pool = {label: paths[len(paths) // SHARE :] for label, paths in every.items()}
    labels = sorted(label for label in pool if held_out.get(label))
    if len(labels) < 2:
        raise NoTaskError(
            f"{folder} has {len(labels)} labels with pictures to train and to test on; it should "
            "hold train/LABEL/ and test/LABEL/, or LABEL/, for two or more"
        )
    return Labelled(
        pool={label: pool[label] for label in labels},
        held_out={label: held_out[label] for label in labels},
    )


def cut(labelled: Labelled, *, size: int, n_labels: int, seed: int, into: Path) -> Cut:
    """A task of `size` pictures, as many of each of `n_labels` labels that the seed draws.

    Raises `NoTaskError` if the folder has too few labels or pictures for it.
    """
    labels = _draw_labels(labelled, n_labels, seed)
    each = size // n_labels
    if each < LEAST:
        raise NoTaskError(f"{n_labels} labels have {each} pictures each, not {LEAST} or more")
    n_validation = max(1, round(each / SHARE))
    drawn = np.random.default_rng([seed, size, n_labels])
    parts: dict[str, dict[str, Sequence[Path]]] = {TRAIN: {}, VALIDATION: {}, TEST: {}}
    titles = {label: f"{number:03d}-{label}" for number, label in enumerate(labels)}
    for label, title in titles.items():
        paths = labelled.pool[label]
        if len(paths) < each:
            raise NoTaskError(f"{label!r} has {len(paths)} pictures to learn from, not {each}")
        taken = [paths[place] for place in drawn.permutation(len(paths))[:each]]
        parts[VALIDATION][title] = taken[:n_validation]
        parts[TRAIN][title] = taken[n_validation:]
        parts[TEST][title] = labelled.held_out[label][: MOST_TESTS // n_labels]
    for part, by_label in parts.items():
        _link(by_label, into / "tree" / part)
    return _packed(into, labels=tuple(titles.values()), n=each * n_labels)


def files_of(part: Path) -> list[tuple[Path, str]]:
    """The pictures of a part of a task with their labels, in order of their paths."""
    return [(path, path.parent.name) for path in sorted(part.glob("*/*"))]


def _by_label(folder: Path, seen: set[str]) -> dict[str, list[Path]]:
    """Pictures by label, in the order of their contents' hashes, which nobody has chosen."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        contents = {
            hashlib.sha256(path.read_bytes()).hexdigest(): path
            for path in sorted(place.rglob("*"))
            if path.suffix.lower() in SUFFIXES
        }
        found[place.name] = [contents[key] for key in sorted(contents.keys() - seen)]
        seen.update(contents)
    return found


def _draw_labels(labelled: Labelled, n_labels: int, seed: int) -> tuple[str, ...]:
    labels = sorted(labelled.pool)
    if n_labels > len(labels):
        raise NoTaskError(f"the folder has {len(labels)} labels, not {n_labels}")
    drawn = np.random.default_rng([seed, n_labels]).permutation(len(labels))[:n_labels]
    return tuple(sorted(labels[place] for place in drawn))


def _link(by_label: ByLabel, folder: Path) -> None:
    for label, paths in by_label.items():
        (folder / label).mkdir(parents=True)
        for number, path in enumerate(paths):
            link = folder / label / f"{number:05d}{path.suffix.lower()}"
            link.symlink_to(path.resolve())


def _packed(into: Path, *, labels: tuple[str, ...], n: int) -> Cut:
    tree, labelled, tests = into / "tree", into / "labelled.zip", into / "tests.zip"
    _pack((TRAIN, VALIDATION), tree, labelled)
    _pack((TEST,), tree, tests)
    truth = tuple(label for _, label in files_of(tree / TEST))
    return Cut(tree=tree, labels=labels, n=n, labelled=labelled, tests=tests, truth=truth)


def _pack(parts: Iterable[str], tree: Path, archive: Path) -> None:
    """Parts of a task as the service takes them, with a manifest that tells the splits."""
    rows = [
        (path.relative_to(tree).as_posix(), label, part)
        for part in parts
        for path, label in files_of(tree / part)
    ]
    manifest = io.StringIO()
    csv.writer(manifest).writerows([("path", "label", "split"), *rows])
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as writer:
        for name, _, _ in rows:
            writer.write(tree / name, name)
        writer.writestr(MANIFEST, manifest.getvalue())
