"""Sealing: all that a dataset holds becomes an immutable version with a digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from zoo.catalog import Session, datasets
from zoo.catalog.records import Example


def seal(session: Session, dataset_id: int, *, job_id: str | None) -> int:
    """Seal the next version of a dataset that is locked; returns its number."""
    held = datasets.list_examples(session, dataset_id, version=None)
    return datasets.seal_version(
        session,
        dataset_id,
        job_id=job_id,
        digest=digest(held),
        labels=dict(sorted(Counter(one.label for one in held).items())),
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
