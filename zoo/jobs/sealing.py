"""Sealing: all that a dataset holds becomes an immutable version with a digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zoo.catalog import Session, datasets
from zoo.catalog.records import Example


@dataclass(frozen=True, kw_only=True)
class Sealable:
    """What a version to be would say of itself, at a revision of its dataset."""

    dataset_id: int
    revision: int | None
    digest: str
    labels: Mapping[str, int]  # how many examples each has


def look_at(session: Session, dataset_id: int) -> Sealable:
    """Go over all that a dataset holds: seconds for hundreds of thousands, so not in a write."""
    revision = datasets.revision_of(session, dataset_id)  # first: what changes later is seen
    held = datasets.list_examples(session, dataset_id, version=None)
    labels = Counter(one.label for one in held)
    return Sealable(
        dataset_id=dataset_id,
        revision=revision,
        digest=digest(held),
        labels=dict(sorted(labels.items())),
    )


def seal(session: Session, dataset_id: int, seen: Sealable | None, *, job_id: str | None) -> int:
    """Seal the next version of a dataset that is locked; returns its number.

    What was `seen` is looked at again only if the dataset has changed since.
    """
    now = (dataset_id, datasets.revision_of(session, dataset_id))
    if seen is None or (seen.dataset_id, seen.revision) != now:
        seen = look_at(session, dataset_id)
    return datasets.seal_version(
        session, dataset_id, job_id=job_id, digest=seen.digest, labels=seen.labels
    )


def digest(examples: Iterable[Example]) -> str:
    """sha256 over content, label, split and metadata of every example, in the contents' order.

    Of an example without metadata nothing is added for it: digests are as they were before
    examples had any.
    """
    sha256 = hashlib.sha256()
    for line in sorted(_line(one) for one in examples):
        sha256.update(f"{line}\n".encode())
    return sha256.hexdigest()


def _line(one: Example) -> str:
    said = [one.sha256, one.split, one.label]
    return json.dumps([*said, one.metadata] if one.metadata else said, sort_keys=True)
