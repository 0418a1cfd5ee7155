"""Whether a backbone that was tuned here knows the pictures that it is to be judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoo.catalog import Session, datasets, features, models
from zoo.catalog.records import VersionRecord
from zoo.features.store import FloatArray, read_vectors
from zoo.registry.lineage import ancestors
from zoo.registry.models import is_own, resolve_version
from zoo.space import split_precision
from zoo.training.duplicates import find_alike
from zoo.training.known import are_packed
from zoo.training.splits import Splits
from zoo_workers.context import Context

Marks = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Examined:
    """Contents as the backbone sees them, and how alike two may be at most to be two."""

    sha256s: Sequence[str]
    vectors: FloatArray  # (n, dim)
    space_id: str
    above: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Knowledge:
    """What a network that was trained here knows of some contents."""

    network: str
    same: Marks  # (n,) it was trained on them
    alike: Marks  # (n,) it was not, but on what is nearly the same

    def ordered(self, order: Places) -> Knowledge:
        """The same of the contents in this order."""
        return replace(self, same=self.same[order], alike=self.alike[order])


def find_knowledge(context: Context, backbone: str, examined: Examined) -> list[Knowledge]:
    """Of the backbone, and of each network trained here that it comes from.

    What is alike is found among what the space has embeddings of: at least what the backbone
    itself was trained on, as long as that dataset version is there.
    """
    return [_knowledge(context, network, examined) for network in _networks(context, backbone)]


def knowledge_warnings(knowledge: Sequence[Knowledge], sides: Splits) -> list[str]:
    """Sentences for each network that was trained on what judges now, or on what is like it."""
    told = (_sentences(one, sides) for one in knowledge)
    return [sentence for sentences in told for sentence in sentences]


@dataclass(frozen=True, kw_only=True)
class _Network:
    name: str
    packed: bytes  # what it was trained on
    trained: Sequence[str]  # the same in full, where its dataset is still there


def _networks(context: Context, backbone: str) -> list[_Network]:
    if not is_own(backbone):
        return []
    with context.catalog.read() as session:
        return list(_trained_here(session, backbone))


def _trained_here(session: Session, backbone: str) -> Iterator[_Network]:
    """The tuned networks from the backbone down to where it comes from."""
    version = resolve_version(session, split_precision(backbone)[0])
    for one in ancestors(session, version):
        packed = one.version and models.get_trained_on(session, one.version)
        if one.version is not None and packed:
            trained = _trained_on(session, one.version, packed)
            yield _Network(name=one.name, packed=packed, trained=trained)


def _trained_on(session: Session, version: VersionRecord, packed: bytes) -> list[str]:
    """The contents in full; none if the dataset, or its version, is not there any more."""
    lineage = version.lineage
    name, number = str(lineage["dataset"]), int(lineage["dataset_version"])
    held = datasets.get_dataset(session, name)
    sealed = datasets.get_version(session, name, number)
    if held is None or sealed is None or sealed.digest != lineage["dataset_digest"]:
        return []
    listed = datasets.list_examples(session, held.id, version=number)
    sha256s = sorted({one.sha256 for one in listed})
    trained = are_packed(sha256s, packed)
    return [sha256 for sha256, is_trained in zip(sha256s, trained, strict=True) if is_trained]


def _knowledge(context: Context, network: _Network, examined: Examined) -> Knowledge:
    same = are_packed(examined.sha256s, network.packed)
    others = _vectors(context, network, examined)
    alike = find_alike(examined.vectors, others, above=examined.above)
    return Knowledge(network=network.name, same=same, alike=alike & ~same)


def _vectors(context: Context, network: _Network, examined: Examined) -> FloatArray:
    """Of what it was trained on, but what is among the examined: that has found its like."""
    others = sorted(set(network.trained) - set(examined.sha256s))
    with context.catalog.read() as session:
        found = features.locate(session, space_id=examined.space_id, sha256s=others)
    return read_vectors(
        context.catalog,
        context.segments,
        space_id=examined.space_id,
        sha256s=[sha256 for sha256 in others if sha256 in found],
    )


def _sentences(knowledge: Knowledge, sides: Splits) -> Iterator[str]:
    same = _shares(knowledge.same, sides, word="on")
    alike = _shares(knowledge.alike, sides, word="of")
    if same:
        yield (
            f"{knowledge.network} was trained {same}, which flatters the figures; give what it "
            "was trained on the split train, or take the dataset version, seed, splits and "
            "near_duplicates of its lineage"
        )
    if alike:
        yield (
            f"{knowledge.network} was trained on near-duplicates {alike}, which flatters the "
            "figures; give them the split train, or set near_duplicates to 1 if they are none"
        )


def _shares(marks: Marks, sides: Splits, *, word: str) -> str:
    """How many of those that judge are marked; nothing if none is."""
    n_test, n_validation = (int(marks[side].sum()) for side in (sides.test, sides.validation))
    if not n_test + n_validation:
        return ""
    return (
        f"{word} {n_test} of the {len(sides.test)} test examples and "
        f"{word} {n_validation} of the {len(sides.validation)} validation examples"
    )
