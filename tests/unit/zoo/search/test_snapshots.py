import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.stock import random_vectors
from zoo.errors import DamagedError
from zoo.search.flat import Metric, open_part
from zoo.search.index import ExactIndex
from zoo.search.manifests import IndexFile
from zoo.search.snapshots import Snapshots
from zoo.storage.blobs import LocalBlobs

METRICS: tuple[Metric, ...] = ("cosine", "ip", "l2")
N = 3000  # more than is joined with a small change


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def snapshots(blobs: LocalBlobs) -> Snapshots:
    return Snapshots(blobs)


def made(n: int = N, *, metric: Metric = "cosine") -> ExactIndex:
    return ExactIndex.build(random_vectors(n), np.arange(n), metric=metric)


def parts_of(blobs: LocalBlobs) -> set[str]:
    return {key for key in blobs.keys("indexes/") if not key.endswith(".json")}


def damaged(blobs: LocalBlobs, key: str, content: bytes) -> None:
    blobs.delete(key)
    blobs.put_bytes(key, content)


@pytest.mark.parametrize("metric", METRICS)
def test_an_index_with_changes_written_and_opened_again_answers_the_same(
    snapshots: Snapshots, metric: Metric, tmp_path: Path
) -> None:
    index = made(metric=metric)
    changed = index.with_changes(random_vectors(5, seed=2), np.arange(N - 2, N + 3), dead={1, 2})
    queries = random_vectors(3, seed=3)

    written = snapshots.write(changed, spool=tmp_path)
    opened = snapshots.open(written, dim=4, metric=metric)

    assert len(opened) == len(changed) == N + 1
    assert [part.longest for part in opened.parts] == [part.longest for part in changed.parts]
    assert opened.search(queries, k=60) == changed.search(queries, k=60)


def test_an_empty_index_can_be_written(snapshots: Snapshots, tmp_path: Path) -> None:
    written = snapshots.write(ExactIndex.of([], dim=4, metric="ip"), spool=tmp_path)
    opened = snapshots.open(written, dim=4, metric="ip")

    assert opened.search(random_vectors(1), k=5) == [[]]


def test_a_later_snapshot_writes_only_what_is_new(
    snapshots: Snapshots, blobs: LocalBlobs, tmp_path: Path
) -> None:
    first = snapshots.open(snapshots.write(made(), spool=tmp_path), dim=4, metric="cosine")
    before = parts_of(blobs)
    changed = first.with_changes(random_vectors(2, seed=1), np.array([7, N]), dead={8})

    written = snapshots.write(changed, spool=tmp_path)

    [new] = parts_of(blobs) - before
    assert len(open_part(blobs.local_path(new), metric="cosine")) == 2
    again = snapshots.open(written, dim=4, metric="cosine")
    assert [len(part) for part in again.parts] == [N - 2, 2]
    assert again.search(random_vectors(1), k=N) == changed.search(random_vectors(1), k=N)


def test_a_part_that_is_mapped_already_is_not_read_again(
    snapshots: Snapshots, blobs: LocalBlobs, tmp_path: Path
) -> None:
    first = snapshots.stored(made(), spool=tmp_path)
    changed = first.with_changes(random_vectors(0), np.arange(0), dead={3})
    written = snapshots.write(changed, spool=tmp_path)
    for key in parts_of(blobs):
        blobs.delete(key)

    opened = snapshots.open(written, dim=4, metric="cosine", known=first)

    assert len(opened) == N - 1
    assert opened.parts[0].flat is first.parts[0].flat


def test_a_part_of_which_most_is_dead_is_written_anew(
    snapshots: Snapshots, blobs: LocalBlobs, tmp_path: Path
) -> None:
    index = snapshots.stored(made(), spool=tmp_path)
    half = index.with_changes(random_vectors(0), np.arange(0), dead=range(N // 2))
    less = index.with_changes(random_vectors(0), np.arange(0), dead=range(N // 2 + 1))
    [old] = parts_of(blobs)

    snapshots.write(half, spool=tmp_path)
    assert parts_of(blobs) == {old}
    snapshots.write(less, spool=tmp_path)

    [new] = parts_of(blobs) - {old}
    assert len(open_part(blobs.local_path(new), metric="cosine").pks) == N // 2 - 1


def test_files_of_a_snapshot_that_are_not_as_written_are_damaged(
    snapshots: Snapshots, blobs: LocalBlobs, tmp_path: Path
) -> None:
    written = snapshots.write(made(), spool=tmp_path)
    [part] = parts_of(blobs)
    for key in (part, written.key):
        whole = blobs.local_path(key).read_bytes()
        damaged(blobs, key, whole[:-1] + b"?")
        with pytest.raises(DamagedError) as caught:
            snapshots.open(written, dim=4, metric="cosine")
        assert caught.value.detail == (f"the index snapshot {key!r} does not match its checksum")
        damaged(blobs, key, whole)
    assert len(snapshots.open(written, dim=4, metric="cosine")) == N


@pytest.mark.parametrize("content", [b"no json", b"[]", b'{"parts": [{"file": 1}]}'])
def test_what_is_no_manifest_is_damaged(
    snapshots: Snapshots, blobs: LocalBlobs, content: bytes
) -> None:
    blobs.put_bytes("indexes/a", content)
    sha256 = hashlib.sha256(content).hexdigest()
    with pytest.raises(DamagedError, match="the index snapshot 'indexes/a' is no manifest"):
        snapshots.open(IndexFile(key="indexes/a", sha256=sha256), dim=4, metric="ip")
