"""What is left behind where a process died between two steps: harmless, but it takes room."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from zoo.catalog import collections, loose, named_files, soundness
from zoo.fsck.files import files_of_index
from zoo.fsck.problems import OpenHome, Problem
from zoo.search.manifests import IndexFile
from zoo.storage.blobs import KINDS


def leftovers(home: OpenHome) -> Iterator[Problem]:
    """Files that no row names; while the service runs some may be on their way to one."""
    stored = [key for kind in KINDS for key in home.blobs.keys(kind)]  # before the rows
    with home.catalog.read() as session:
        if soundness.integrity_problems(session):  # it may have lost the rows that name them
            return
        named = named_files.named_blobs(session)
        snapshots = collections.list_snapshots(session)
    in_indexes = {
        file.key
        for key, sha256 in snapshots
        for file in files_of_index(home.blobs, IndexFile(key=key, sha256=sha256))
    }
    for key in sorted(set(stored) - named - in_indexes):
        yield Problem(sentence=f"no row names {key}", repair=partial(_remove, home, key))


def sweep(home: OpenHome) -> Iterator[Problem]:
    """Files that were written by half; nobody may be writing meanwhile."""
    if n_swept := home.blobs.sweep():
        yield Problem(sentence=f"{n_swept} files were written by half", repair=lambda: "removed")


def stale_reservations(home: OpenHome) -> Iterator[Problem]:
    """Contents that nobody forwards, and nobody else will while they are reserved."""
    with home.catalog.read() as session:
        found = loose.stale_reservations(session)
    for shard_id, sha256 in found:
        sentence = f"content {sha256} is reserved for shard {shard_id}, which is not running"
        yield Problem(sentence=sentence, repair=partial(_free, home))


def unfinished_successes(home: OpenHome) -> Iterator[Problem]:
    """Jobs that have succeeded with work left."""
    with home.catalog.read() as session:
        found = loose.unfinished_successes(session)
    for job_id in found:
        yield Problem(sentence=f"job {job_id} succeeded, but a part of it was never done")


def _remove(home: OpenHome, key: str) -> str:
    home.blobs.delete(key)
    return "removed"


def _free(home: OpenHome) -> str:
    with home.catalog.write() as session:
        loose.free_reservations(session)
    return "freed"
