"""What all trials of a fine-tune job stand on: its examples, embedded, grouped, on their sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.catalog import Session, datasets, features
from zoo.catalog.records import DatasetVersionRecord, Example
from zoo.errors import InvalidError, NotFoundError
from zoo.features.store import FloatArray, read_vectors
from zoo.jobs.ledger import Claim
from zoo.jobs.specs import FineTuneSpec, read_fine_tune
from zoo.training.arranging import Arranged, arrange
from zoo.training.duplicates import NearDuplicates, find_near_duplicates
from zoo.training.samples import Sample
from zoo_workers.context import Context
from zoo_workers.kept import Kept
from zoo_workers.knowing import Examined, Knowledge, find_knowledge
from zoo_workers.lost import without_lost
from zoo_workers.registering import ground_digest
from zoo_workers.trials import Ground


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A job's ground, and what it was made of."""

    ground: Ground
    version: DatasetVersionRecord
    examples: Sequence[Example]  # those that could be embedded
    n_unembedded: int
    near: NearDuplicates
    knowledge: Sequence[Knowledge]  # of the ground's examples, by networks tuned here


def prepare(context: Context, claim: Claim, kept: Kept) -> Prepared:
    """Read the embeddings of a job's dataset version, and put its examples on their sides.

    Raises `NotFoundError` if the dataset was deleted, `InvalidError` as `arrange` does.
    """
    spec = read_fine_tune(claim.job.spec)
    version, examples, n_unembedded = _examples(context, claim, spec)
    vectors = read_vectors(
        context.catalog,
        context.segments,
        space_id=claim.job.work["space_id"],
        sha256s=[one.sha256 for one in examples],
    )
    near = _near_duplicates(context, spec, examples, vectors)
    knowledge = _knowledge(context, claim, spec, examples, vectors)
    arranged = _arranged(spec, examples, near.keys, known=_known(knowledge, len(examples)))
    return Prepared(
        ground=_ground(context, claim, spec, examples, kept, vectors=vectors, arranged=arranged),
        version=version,
        examples=examples,
        n_unembedded=n_unembedded,
        near=near,
        knowledge=[one.ordered(arranged.order) for one in knowledge],
    )


def _ground(
    context: Context,
    claim: Claim,
    spec: FineTuneSpec,
    examples: Sequence[Example],
    kept: Kept,
    *,
    vectors: FloatArray,
    arranged: Arranged,
) -> Ground:
    sha256s = [examples[place].sha256 for place in arranged.order]
    kept.begin(ground_digest(sha256s, arranged))
    arranged = without_lost(arranged, examples, kept.lost)
    return Ground(
        context=context,
        claim=claim,
        spec=spec,
        arranged=arranged,
        features=vectors[arranged.order],
        sha256s=sha256s,
        kept=kept,
    )


def _arranged(
    spec: FineTuneSpec, examples: Sequence[Example], keys: Sequence[str], *, known: Sequence[bool]
) -> Arranged:
    try:
        return arrange(
            [one.label for one in examples],
            keys=keys,
            given_splits=[one.split for one in examples],
            seed=spec.seed,
            samples=[_sample(one) for one in examples],
            shares=spec.splits.by_side,
            known=known,
        )
    except InvalidError as error:
        if len(set(keys)) == len({one.sha256 for one in examples}):
            raise
        raise InvalidError(
            f"{error.detail}; pictures that are nearly the same were counted as one, which "
            "near_duplicates 1 turns off",
            code=error.code,
        ) from error


def _examples(
    context: Context, claim: Claim, spec: FineTuneSpec
) -> tuple[DatasetVersionRecord, list[Example], int]:
    work = claim.job.work
    with context.catalog.read() as session:
        held = datasets.get_dataset(session, spec.dataset)
        version = datasets.get_version(session, spec.dataset, int(work["dataset_version"]))
        if version is None or held is None or held.id != work["dataset_id"]:
            raise NotFoundError(
                f"dataset {spec.dataset!r} was deleted before training began",
                code="dataset_deleted",
            )
        listed = datasets.list_examples(session, int(work["dataset_id"]), version=version.version)
        embedded = _embedded(session, str(work["space_id"]), listed)
    return version, embedded, len(listed) - len(embedded)


def _embedded(session: Session, space_id: str, listed: Sequence[Example]) -> list[Example]:
    """Those whose content could be embedded; the job's inputs say why others could not."""
    sha256s = [one.sha256 for one in listed]
    known = features.locate(session, space_id=space_id, sha256s=sha256s).keys()
    found = (one for one in listed if one.sha256 in known)
    # In the order of their contents: the same ones, however they came, train the same head.
    return sorted(found, key=lambda one: (one.sha256, one.label))


def _near_duplicates(
    context: Context, spec: FineTuneSpec, examples: Sequence[Example], vectors: FloatArray
) -> NearDuplicates:
    with context.watchdog.resting():
        return find_near_duplicates(
            vectors,
            keys=[one.sha256 for one in examples],
            labels=[one.label for one in examples],
            above=spec.near_duplicates,
        )


def _knowledge(
    context: Context,
    claim: Claim,
    spec: FineTuneSpec,
    examples: Sequence[Example],
    vectors: FloatArray,
) -> list[Knowledge]:
    examined = Examined(
        sha256s=[one.sha256 for one in examples],
        vectors=vectors,
        space_id=str(claim.job.work["space_id"]),
        above=spec.near_duplicates,
    )
    with context.watchdog.resting():
        return find_knowledge(context, str(claim.job.work["backbone"]), examined)


def _known(knowledge: Sequence[Knowledge], n: int) -> list[bool]:
    """Of each of `n` examples whether a network was trained on it, or on one like it."""
    known = np.zeros(n, np.bool_)
    for one in knowledge:
        known |= one.same | one.alike
    return known.tolist()


def _sample(example: Example) -> Sample:
    return Sample(item_id=example.item_id, name=example.name, metadata=example.metadata)
